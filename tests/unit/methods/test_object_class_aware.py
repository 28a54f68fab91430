import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.views import write_views
from vadbench.artefacts import file_digest, open_artefact
from vadbench.errors import VadbenchError
from vadbench.methods import ClipFrames, ScoreJob, TrainJob, get_method
from vadbench.methods.object_class_aware.branches import Appearance, Motion
from vadbench.methods.object_class_aware.score import score_split
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.methods.object_class_aware.train import train_stage
from vadbench.networks.translation import (
    class_targets,
    masked_magnitude,
    max_patch_loss,
    refine,
    target_channels,
    translation_unet,
)
from vadbench.training.settings import StageSettings

TRAINING = StageSettings(epochs=12, batch_size=8, learning_rate=2e-3, decay_every=10, decay=0.5)
SMALL = ObjectClassAwareSettings(
    encoder_weights="none",
    class_groups={"person": [1]},
    appearance=TRAINING,
    motion=TRAINING,
)


def size(module: torch.nn.Module) -> int:
    return sum(item.numel() for item in module.parameters())


@pytest.mark.parametrize(
    ("inputs", "outputs", "count"),
    [(3, 3, 24_436_659), (6, 3, 24_446_067), (3, 1, 24_436_369)],
)
def test_the_unet_has_the_known_size(inputs: int, outputs: int, count: int) -> None:
    assert size(translation_unet("resnet34", inputs, outputs, None)) == count


def encoder_file(folder: Path, name: str = "resnet34") -> Path:
    """Weights of an encoder, as segmentation-models-pytorch publishes them."""
    torch.manual_seed(1)
    save_file(smp.encoders.get_encoder(name).state_dict(), folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


@pytest.mark.parametrize("name", ["resnet34", "vgg16"])
@pytest.mark.parametrize("inputs", [3, 6])
def test_pretrained_encoders_are_what_the_library_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, inputs: int
) -> None:
    path = encoder_file(tmp_path, name)
    monkeypatch.setattr(smp.encoders, "hf_hub_download", lambda *args, **about: path)
    theirs = smp.Unet(name, encoder_weights="imagenet", in_channels=inputs).encoder.state_dict()
    ours = translation_unet(name, inputs, 1, path).encoder.state_dict()
    assert theirs.keys() == ours.keys()
    for key, values in theirs.items():
        torch.testing.assert_close(ours[key], values, rtol=0, atol=0)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    wrong = encoder_file(tmp_path, "vgg16")
    (tmp_path / "torn.safetensors").write_bytes(wrong.read_bytes()[:-9])
    for path in (wrong, tmp_path / "torn.safetensors", tmp_path / "lost.safetensors"):
        with pytest.raises(VadbenchError, match=f"{path.name}: cannot be loaded as weights of the"):
            translation_unet("resnet34", 3, 1, path)


def test_a_network_starts_from_the_weights_that_the_job_names(tmp_path: Path) -> None:
    views, start = write_views(tmp_path, [4]), encoder_file(tmp_path)
    training = StageSettings(epochs=1, batch_size=2, learning_rate=1e-9)
    settings = SMALL.model_copy(update={"encoder_weights": "imagenet", "appearance": training})
    own = replace(job(tmp_path, views, "appearance"), settings=settings, pretrained=start)
    train_stage(own)
    first = load_file(start)["conv1.weight"]
    trained = load_file(own.output)["unet.encoder.conv1.weight"]
    torch.testing.assert_close(trained, first, rtol=0, atol=1e-6)
    with safe_open(own.output, "pt") as made:
        inputs = json.loads(made.metadata()["vadbench"])["inputs"]
    assert inputs[start.as_posix()] == file_digest(start)
    with pytest.raises(VadbenchError, match="'imagenet', but the job has no file of pretrained"):
        train_stage(replace(own, pretrained=None))


def test_class_targets_have_a_channel_per_group() -> None:
    class_map = torch.tensor([[[0, 1], [3, 90]]], dtype=torch.uint8)
    target = class_targets(class_map, {"person": [1], "vehicle": [3, 6]})
    assert target.shape == (1, 4, 2, 2)
    assert target.argmax(dim=1).tolist() == [[[0, 1], [2, 3]]]
    assert (target.sum(dim=1) == 1).all()


def test_colour_targets_are_as_far_apart_as_hues() -> None:
    class_map = torch.tensor([[[0, 1], [3, 90]]], dtype=torch.uint8)
    groups = {"person": [1], "vehicle": [3, 6]}
    target = class_targets(class_map, groups, "colour")
    assert target.shape == (1, target_channels(groups, "colour"), 2, 2)
    # Three hues, blue first: red, green and blue.
    expected = torch.tensor([[[0.0, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]])
    torch.testing.assert_close(target[0].permute(1, 2, 0), expected)


@pytest.mark.parametrize("method", ["object_class_aware", "multitask_attention"])
def test_the_variant_with_a_colour_target_learns_three_channels(method: str) -> None:
    made = get_method(method)
    settings = made.settings("ped2", "colour_target", "paper", {})
    module = import_module(f"vadbench.methods.{method}.branches")
    branch = module.Appearance(settings)
    count = len(branch.windows["frames"])
    estimate, target = branch(
        {
            "frames": torch.randint(0, 256, (2, count, 64, 64, 3), dtype=torch.uint8),
            "class_map": torch.ones(2, 1, 64, 64, dtype=torch.uint8),
        }
    )
    assert estimate.shape == target.shape == (2, 3, 64, 64)
    assert made.stage_settings(settings, "appearance")["target"] == "colour"
    assert made.score_settings(settings)["target"] == "colour"
    assert "target" not in made.stage_settings(settings, "motion")


def test_magnitude_is_masked_and_scaled() -> None:
    flow = torch.tensor([3.0, 4.0]).expand(1, 1, 2, 2)
    class_map = torch.tensor([[[0, 1]]], dtype=torch.uint8)
    assert masked_magnitude(flow, class_map, 2.0).tolist() == [[[[0.0, 2.5]]]]
    assert masked_magnitude(flow, None, 2.0).tolist() == [[[[2.5, 2.5]]]]


def test_the_worst_patch_counts() -> None:
    error = torch.zeros(2, 1, 224, 224)
    error[0, :, 150:, 150:] = 1.0
    error[1, :, :75, :75] = 0.5
    # The last patch has 74 pixels a side and is full of ones in both directions from 150 on.
    assert max_patch_loss(error, 3).item() == pytest.approx((1.0 + 0.5) / 2)
    assert max_patch_loss(error, 1).item() == pytest.approx(float(error.mean(dim=(1, 2, 3)).mean()))


def test_refining_removes_thin_responses_and_keeps_solid_ones() -> None:
    image = torch.zeros(1, 1, 12, 12)
    image[..., 2, :] = 1.0
    image[..., 6:10, 3:8] = 2.0
    refined = refine(image)
    assert refined[..., :5, :].max() == 0
    assert torch.equal(refined[..., 6:10, 3:8], image[..., 6:10, 3:8])


@pytest.mark.parametrize("kind", [Appearance, Motion])
def test_a_step_trains_every_parameter(kind: type) -> None:
    torch.manual_seed(0)
    network = kind(SMALL)
    batch = {
        "frames": torch.randint(0, 256, (2, 1, 64, 64, 1)).byte(),
        "class_map": torch.randint(0, 2, (2, 1, 64, 64)).byte(),
        "flow": torch.randn(2, 1, 64, 64, 2),
    }
    network.error(*network(batch)).mean().backward()
    for name, item in network.named_parameters():
        assert item.grad is not None, name


def job(folder: Path, views: list[Path], stage: str) -> TrainJob:
    return TrainJob(
        dataset="made", method="object_class_aware", variant="full", stage=stage, settings=SMALL,
        seed=0, weights={}, cubes=[], views=views, output=folder / f"{stage}.safetensors",
        work=folder / stage, precision="32",
    )  # fmt: skip


def test_both_branches_learn_and_score_every_frame(tmp_path: Path) -> None:
    views = write_views(tmp_path, [8, 8])
    for stage in ("appearance", "motion"):
        train_stage(job(tmp_path, views, stage))
    values = {}
    for refined in (True, False):
        output = tmp_path / f"scores{refined}.h5"
        score_split(
            ScoreJob(
                dataset="made", method="object_class_aware", variant="full", split="train",
                settings=SMALL.model_copy(update={"refined": refined}), seed=0,
                weights={n: tmp_path / f"{n}.safetensors" for n in ("appearance", "motion")},
                clips=[ClipFrames(p.stem, 8, lambda: pytest.fail("reads views")) for p in views],
                cubes=[], views=views, output=output, precision="32",
            )
        )  # fmt: skip
        with open_artefact(output, "scores") as scores:
            values[refined] = {n: scores[f"frame/{n}"][:] for n in ("appearance", "motion")}
    # The first frame of a clip has no flow into it, and the second's score.
    assert values[True]["motion"][8] == values[True]["motion"][9]
    for name in ("appearance", "motion"):
        assert len(values[True][name]) == 16
        # Erosion before dilation only takes away.
        assert (values[True][name] <= values[False][name] + 1e-9).all()
    # A constant one half would have 0.25.
    assert np.median(values[False]["appearance"]) < 0.2


def test_the_branches_are_trained_in_parallel() -> None:
    method = get_method("object_class_aware")
    assert method.before("full", "motion") == method.before("full", "appearance") == []
    assert get_method("hf2vad").before("full", "finetune") == ["flow", "cvae"]


def test_variants_use_the_branches_that_they_share() -> None:
    method = get_method("object_class_aware")
    for name, variant in method.variants.items():
        for stage, owner in variant.stages.items():
            ours = method.stage_settings(method.settings("ped2", name, "paper"), stage)
            theirs = method.stage_settings(method.settings("ped2", owner, "paper"), stage)
            assert ours == theirs, (name, stage)
