from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.cubes import write_cubes
from vadbench.artefacts import open_artefact
from vadbench.methods import ApplyJob, ScoreJob, get_method
from vadbench.methods.hf2vad.frozen import reconstruct_split
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.networks import CVAE, FlowAutoencoder, NormConv2d
from vadbench.methods.hf2vad.score import object_scores, score_split
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FinetuneStage, FlowStage, FrameStage
from vadbench.training.fit import save_weights
from vadbench.training.inputs import flows_of, frames_of
from vadbench.training.settings import StageSettings

SMALL = HF2VADSettings(memory_slots=16)


def size(module: torch.nn.Module) -> int:
    return sum(item.numel() for item in module.parameters())


def batch_of(count: int) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(5)
    return {
        "frames": torch.randint(0, 256, (count, 5, 32, 32, 1), generator=made, dtype=torch.uint8),
        "flow": torch.randn(count, 4, 32, 32, 2, generator=made).half(),
    }


@pytest.mark.parametrize(
    ("memories", "skips", "count"), [(3, 2, 60_252_578), (2, 1, 27_447_714), (1, 0, 10_916_258)]
)
def test_flow_autoencoder_has_the_published_size(memories: int, skips: int, count: int) -> None:
    assert size(FlowAutoencoder(memories, skips)) == count


def test_cvae_has_the_published_size() -> None:
    network = CVAE()
    assert size(network) == 8_990_668
    assert network.e_theta is not None
    parts = {
        network.f_phi: 1_333_760,
        network.e_theta: 1_332_992,
        network.posterior: 1_579_008,
        network.bottleneck: 3_075_584,
        network.decoder: 1_669_324,
    }
    assert [size(part) for part in parts] == list(parts.values())
    # The VAE of Table 2 has neither flow encoder nor learned prior.
    assert size(CVAE(conditioned=False)) < size(network) - size(network.e_theta)


def test_shapes_of_the_networks() -> None:
    batch = batch_of(3)
    networks = Networks(SMALL, flow=True, frame=True)
    flows = flows_of(batch)
    reconstruction, addressed = networks.reconstruct(flows)
    assert reconstruction.shape == (3, 4, 2, 32, 32)
    # From the bottleneck up: one row of weights per flow and memory.
    assert [tuple(weights.shape) for weights in addressed] == [(12, 16)] * 3
    frame, posterior, prior = networks.cvae(
        frames_of(batch)[:, :-3], networks.condition(flows, reconstruction), sample=True
    )
    assert frame.shape == (3, 3, 32, 32)
    assert frame.min() >= 0
    assert frame.max() <= 1
    shapes = [(3, 128, 4, 4), (3, 128, 8, 8)]
    assert [tuple(mean.shape) for mean in posterior] == shapes
    assert [tuple(mean.shape) for mean in prior] == shapes


def test_a_normalised_convolution_is_what_it_says() -> None:
    torch.manual_seed(0)
    layer = NormConv2d(3, 5, 3)
    for parameter in (layer.length, layer.scale, layer.shift):
        parameter.data = torch.rand_like(parameter) + 0.5
    features = torch.randn(2, 3, 8, 8)
    unit = layer.direction / layer.direction.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    plain = torch.conv2d(features, layer.length * unit, layer.bias, padding=1)
    expected = layer.scale.view(1, -1, 1, 1) * plain + layer.shift.view(1, -1, 1, 1)
    torch.testing.assert_close(layer(features), expected)


def test_each_group_of_the_prior_sees_only_the_groups_before_it() -> None:
    torch.manual_seed(0)
    bottleneck = CVAE().eval().bottleneck
    features, latent = torch.randn(1, 128, 8, 8), torch.randn(1, 128, 8, 8, requires_grad=True)
    means = bottleneck._prior(features, latent)
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    for number, (row, column) in enumerate(places):
        gradient = torch.autograd.grad(
            means[..., row::2, column::2].sum(), latent, retain_graph=True, allow_unused=True
        )[0]
        for other, (y, x) in enumerate(places):
            seen = gradient is not None and bool((gradient[..., y::2, x::2] != 0).any())
            assert seen == (other < number)


def test_the_condition_takes_the_last_reconstructed_flows() -> None:
    flows, made = torch.zeros(2, 4, 2, 32, 32), torch.ones(2, 4, 2, 32, 32)
    for count in (1, 2, 3, 4):
        networks = Networks(
            SMALL.model_copy(update={"reconstructed_flows": count}), flow=False, frame=False
        )
        condition = networks.condition(flows, made)
        assert condition.shape == (2, 8, 32, 32)
        assert condition.sum(dim=(0, 2, 3)).tolist() == [0.0] * (8 - 2 * count) + [2048.0] * (
            2 * count
        )


def test_grey_cubes_are_repeated_over_three_channels() -> None:
    frames = frames_of(batch_of(2))
    assert frames.shape == (2, 15, 32, 32)
    torch.testing.assert_close(frames[:, 0], frames[:, 2])
    assert frames.max() <= 1.0


@pytest.mark.parametrize(
    ("stage", "flow", "frame"),
    [(FlowStage, True, False), (FrameStage, False, True), (FinetuneStage, True, True)],
)
def test_a_step_trains_every_parameter_of_the_stage(stage: type, flow: bool, frame: bool) -> None:
    torch.manual_seed(0)
    module = stage(Networks(SMALL, flow=flow, frame=frame), SMALL, StageSettings())
    batch = batch_of(4)
    if stage is FrameStage:
        batch["reconstructed"] = batch["flow"].flip(0)
    module.training_step(batch).backward()
    without = [
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    # A bias before batch norm has no effect; its gradient is rounding, which may be exactly 0.
    assert all(name.endswith("bias") and ".flow." in name for name in without)


def test_fine_tuning_trains_the_flow_autoencoder_through_the_prediction() -> None:
    torch.manual_seed(0)
    networks = Networks(SMALL, flow=True, frame=True)
    module = FinetuneStage(networks, SMALL, StageSettings())
    batch = batch_of(2)
    reconstructed, _ = networks.reconstruct(flows_of(batch))
    condition = networks.condition(flows_of(batch), reconstructed)
    module._frame_loss(condition, frames_of(batch)).backward()
    assert networks.flow.last.weight.grad.abs().sum() > 0


def apply(folder: Path, cubes: list[Path], networks: Networks) -> Path:
    weights, output = folder / "flow.safetensors", folder / "frozen.h5"
    save_weights(networks.state_dict(), weights, {}, [])
    reconstruct_split(
        ApplyJob(
            dataset="made", method="hf2vad", variant="full", stage="flow", split="train",
            settings=SMALL, seed=0, weights={"flow": weights}, cubes=cubes, output=output,
            precision="32",
        )
    )  # fmt: skip
    return output


def test_the_frozen_stage_keeps_its_reconstructions_and_their_errors(tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = Networks(SMALL, flow=True, frame=False).eval()
    cubes = write_cubes(tmp_path, [3, 0, 2])
    stored = []
    for item in cubes:
        with open_artefact(item) as artefact:
            stored.append(artefact["flow"][:])
    flows = flows_of({"flow": torch.from_numpy(np.concatenate(stored))})
    with torch.inference_mode():
        expected = networks.reconstruct(flows)[0]
    with open_artefact(apply(tmp_path, cubes, networks), "reconstructions") as artefact:
        made = artefact["reconstructed"][:].astype(np.float32)
        np.testing.assert_allclose(made, expected.permute(0, 1, 3, 4, 2), rtol=2e-3, atol=2e-3)
        errors = (expected - flows).square().sum(dim=(1, 2, 3, 4))
        np.testing.assert_allclose(artefact["errors"][:], errors, rtol=1e-5)
        assert {Path(name).name for name in artefact.inputs} == {
            "flow.safetensors", "00.h5", "01.h5", "02.h5",
        }  # fmt: skip


def test_scoring_from_frozen_outputs_is_scoring_with_the_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = Networks(SMALL, flow=True, frame=True)
    cubes = write_cubes(tmp_path, [3, 2])
    frozen = apply(tmp_path, cubes, networks)
    expected = object_scores(networks, SMALL, cubes, "32", seed=0)
    without = Networks(SMALL, flow=False, frame=True)
    without.cvae.load_state_dict(networks.cvae.state_dict())
    found = object_scores(without, SMALL, cubes, "32", seed=0, frozen=frozen)
    assert set(found) == set(expected)
    np.testing.assert_allclose(
        found["flow_reconstruction"], expected["flow_reconstruction"], rtol=1e-5
    )
    # The condition was rounded to float16 on the way.
    np.testing.assert_allclose(found["frame_prediction"], expected["frame_prediction"], rtol=1e-2)


def test_what_is_frozen_for_whom() -> None:
    method = get_method("hf2vad")
    assert method.frozen("full", "cvae") == "flow"
    assert method.frozen("before_finetune", None) == "flow"
    assert method.frozen("no_frame_prediction", None) == "flow"
    # Stage 3 trains the flow autoencoder on, and here there is none.
    assert method.frozen("full", "finetune") is None
    assert method.frozen("full", None) is None
    assert method.frozen("no_flow_reconstruction", "cvae") is None


def test_scores_are_sums_of_squared_errors(tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = Networks(SMALL, flow=True, frame=True)
    cubes = write_cubes(tmp_path, [2, 0, 3], channels=3)
    scores = object_scores(networks, SMALL, cubes, "32", seed=0)
    row = 0
    for path in cubes:
        with open_artefact(path) as artefact:
            for cube in range(len(artefact["boxes"])):
                batch = {
                    name: torch.from_numpy(artefact[name][cube : cube + 1])
                    for name in ("frames", "flow")
                }
                with torch.inference_mode():
                    flows, frames = flows_of(batch), frames_of(batch)
                    made = networks.reconstruct(flows)[0]
                    frame = networks.cvae(
                        frames[:, :-3], networks.condition(flows, made), sample=False
                    )[0]
                expected = float((made - flows).square().sum())
                assert scores["flow_reconstruction"][row] == pytest.approx(expected, rel=1e-4)
                expected = float((frame - frames[:, -3:]).square().sum())
                assert scores["frame_prediction"][row] == pytest.approx(expected, rel=1e-4)
                row += 1
    assert row == 5


def test_scoring_a_split_writes_scores_with_their_provenance(tmp_path: Path) -> None:
    networks = Networks(SMALL, flow=True, frame=False)
    cubes = write_cubes(tmp_path, [3, 2], split="test")
    weights = tmp_path / "flow.safetensors"
    save_weights(networks.state_dict(), weights, {}, [])
    from vadbench.methods import ClipFrames

    def never() -> None:
        pytest.fail("HF2-VAD scores cubes, not frames")

    score_split(
        ScoreJob(
            dataset="made",
            method="hf2vad",
            variant="no_frame_prediction",
            split="test",
            settings=SMALL,
            seed=0,
            weights={"flow": weights},
            clips=[ClipFrames("00", 3, never), ClipFrames("01", 2, never)],
            cubes=cubes,
            output=tmp_path / "scores.h5",
            precision="32",
        )
    )
    with open_artefact(tmp_path / "scores.h5", "scores") as scores:
        assert list(scores["clip_offsets"][:]) == [0, 3, 5]
        assert scores["object/flow_reconstruction"].shape == (5,)
        assert "object/frame_prediction" not in scores
        assert {Path(name).name for name in scores.inputs} == {"flow.safetensors", "00.h5", "01.h5"}


def test_weights_of_a_later_stage_replace_earlier_ones(tmp_path: Path) -> None:
    first, second = Networks(SMALL, flow=True, frame=False), Networks(SMALL, flow=True, frame=True)
    save_weights(first.state_dict(), tmp_path / "flow.safetensors", {}, [])
    save_weights(second.state_dict(), tmp_path / "finetune.safetensors", {}, [])
    loaded = Networks(SMALL, flow=True, frame=True)
    loaded.load({name: tmp_path / f"{name}.safetensors" for name in ("flow", "finetune")})
    expected = load_file(tmp_path / "finetune.safetensors")
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_every_variant_names_stages_that_some_variant_trains() -> None:
    method = get_method("hf2vad")
    for name, variant in method.variants.items():
        for stage, owner in variant.stages.items():
            assert method.variants[owner].stages[stage] == owner
            # Who uses another's stage must mean the same network by it.
            ours = method.stage_settings(method.settings("ped2", name, "paper"), stage)
            theirs = method.stage_settings(method.settings("ped2", owner, "paper"), stage)
            assert ours == theirs, (name, stage)


def test_a_budget_changes_epochs_and_samples_only() -> None:
    method = get_method("hf2vad")
    for dataset in ("ped2", "avenue", "shanghaitech", "walkway"):
        paper = method.settings(dataset, "full", "paper").plain()
        for budget in ("cpu", "cpu-demo"):
            smaller = method.settings(dataset, "full", budget).plain()
            for stage in ("flow", "cvae", "finetune"):
                for key in ("epochs", "samples_per_epoch"):
                    paper[stage].pop(key, None)
                    smaller[stage].pop(key, None)
            assert smaller == paper
