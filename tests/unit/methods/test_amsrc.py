from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.cubes import write_cubes
from vadbench.artefacts import open_artefact
from vadbench.methods import ClipFrames, ScoreJob, TrainJob, get_method
from vadbench.methods.amsrc.networks import AMSRCNetwork
from vadbench.methods.amsrc.score import object_scores, score_split
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.methods.amsrc.stage import PredictStage, inconsistency, predict
from vadbench.methods.amsrc.train import train_stage
from vadbench.training.settings import StageSettings

FULL = AMSRCSettings()
VARIANTS = {
    "full": FULL,
    "no_gate": AMSRCSettings(fusion="sum"),
    "frame_only": AMSRCSettings(streams="frame"),
}


def batch_of(count: int) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(5)
    return {
        "frames": torch.randint(0, 256, (count, 5, 32, 32, 1), generator=made, dtype=torch.uint8),
        "flow": torch.randn(count, 4, 32, 32, 2, generator=made).half(),
    }


def test_the_network_has_the_published_size_without_its_dead_convolution() -> None:
    assert sum(item.numel() for item in AMSRCNetwork(FULL).parameters()) == 9_264_067


def test_shapes_of_the_network() -> None:
    network = AMSRCNetwork(FULL)
    frame, appearance, motion = network(torch.rand(2, 12, 32, 32), torch.randn(2, 8, 32, 32))
    assert frame.shape == (2, 3, 32, 32)
    assert frame.min() >= 0
    assert frame.max() <= 1
    # Both end with a ReLU.
    for features in (appearance, motion):
        assert features.shape == (2, 512, 4, 4)
        assert features.min() == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_trains_every_parameter(variant: str) -> None:
    torch.manual_seed(0)
    stage = PredictStage(VARIANTS[variant])
    stage.training_step(batch_of(4)).backward()
    without = [
        name
        for name, item in stage.named_parameters()
        if item.grad is None or not item.grad.abs().sum() > 0
    ]
    # A bias before batch norm has no effect; its gradient is rounding, which may be exactly 0.
    assert all(name.endswith("bias") for name in without)


def test_the_consistency_loss_reaches_both_encoders_and_nothing_else() -> None:
    torch.manual_seed(0)
    network = AMSRCNetwork(FULL)
    _, _, inconsistent = predict(network, batch_of(4))
    inconsistent.mean().backward()
    reached = {
        name.partition(".")[0]
        for name, item in network.named_parameters()
        if item.grad is not None and item.grad.abs().sum() > 0
    }
    assert reached == {"first", "downs", "motion"}


def test_inconsistency_by_hand() -> None:
    appearance = torch.tensor([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0]]).view(3, 2, 1, 1)
    motion = torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.0, 5.0]]).view(3, 2, 1, 1)
    expected = torch.tensor([0.0, 1 - 0.5**0.5, 1.0])
    torch.testing.assert_close(inconsistency(appearance, motion), expected)


def test_the_loss_is_the_weighted_sum_of_its_parts() -> None:
    torch.manual_seed(0)
    settings = AMSRCSettings(gradient_weight=0.5, consistency_weight=2.0, l2_weight=1e-3)
    stage = PredictStage(settings).eval()
    batch = batch_of(3)
    loss = stage.training_step(batch)
    parts = stage.logged
    predicted, target, inconsistent = predict(stage.networks, batch)
    torch.testing.assert_close(parts["frame_error"], F.mse_loss(predicted, target))
    torch.testing.assert_close(parts["inconsistency"], inconsistent.mean())
    squares = sum(item.square().sum().item() for item in stage.networks.parameters())
    assert parts["l2"].item() == pytest.approx(squares, rel=1e-4)
    expected = (
        parts["frame_error"]
        + 0.5 * parts["gradient"]
        + 2.0 * parts["inconsistency"]
        + 1e-3 * parts["l2"]
    )
    torch.testing.assert_close(loss, expected)


def test_the_gate_lets_motion_through_where_appearance_is_silent() -> None:
    torch.manual_seed(0)
    gated = AMSRCNetwork(FULL).eval()
    added = AMSRCNetwork(VARIANTS["no_gate"]).eval()
    added.load_state_dict(gated.state_dict())
    inputs = torch.rand(2, 12, 32, 32), torch.randn(2, 8, 32, 32)
    assert not torch.equal(gated(*inputs)[0], added(*inputs)[0])
    # sigmoid(0) = 1/2: half of the motion features passes, where the sum has all of them.
    for network, share in ((gated, 0.5), (added, 1.0)):
        seen = []
        hook = network.ups[0].register_forward_hook(lambda m, x, y, seen=seen: seen.append(x[0]))
        _, appearance, motion = network(*inputs)
        hook.remove()
        silent = appearance == 0
        torch.testing.assert_close(seen[0][silent], share * motion[silent])


def job_of(folder: Path, variant: str, epochs: int) -> TrainJob:
    training = StageSettings(epochs=epochs, batch_size=3, learning_rate=2e-3)
    settings = VARIANTS[variant].model_copy(update={"predict": training})
    return TrainJob(
        dataset="made", method="amsrc", variant=variant, stage="predict", settings=settings,
        seed=0, weights={}, cubes=sorted((folder / "train").glob("*.h5")),
        output=folder / variant / "predict.safetensors", work=folder / variant / "training",
        precision="32",
    )  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_batch_is_learnt(tmp_path: Path, variant: str) -> None:
    cubes = write_cubes(tmp_path, [3])
    before = object_scores(AMSRCNetwork(VARIANTS[variant]), cubes, "32", 0)
    job = job_of(tmp_path, variant, 40)
    train_stage(job)
    score_split(
        ScoreJob(
            dataset="made", method="amsrc", variant=variant, split="train",
            settings=job.settings, seed=0, weights={"predict": job.output},
            clips=[ClipFrames("00", 3, lambda: pytest.fail("scores cubes, not frames"))],
            cubes=cubes, output=tmp_path / "scores.h5", precision="32",
        )
    )  # fmt: skip
    with open_artefact(tmp_path / "scores.h5", "scores") as scores:
        found = scores["object/prediction_error"][:]
        assert ("object/feature_inconsistency" in scores) == (variant != "frame_only")
    assert np.median(found) < 0.5 * np.median(before["prediction_error"])


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    write_cubes(tmp_path, [9])
    job = job_of(tmp_path, "full", 2)
    train_stage(job)
    again = replace(job, output=tmp_path / "again.safetensors", work=tmp_path / "again")
    train_stage(again)
    assert again.output.read_bytes() == job.output.read_bytes()
    other = replace(again, output=tmp_path / "other.safetensors", seed=1)
    train_stage(other)
    assert other.output.read_bytes() != job.output.read_bytes()


def test_the_frame_stream_alone_is_scored_by_its_prediction_error() -> None:
    method = get_method("amsrc")
    for dataset, weights in (("ped2", (1.0, 0.0)), ("avenue", (0.2, 0.8))):
        settings = method.settings(dataset, "full", "paper")
        assert tuple(method.fusion_weights(settings, "full").values()) == weights
        alone = method.settings(dataset, "frame_only", "paper")
        assert method.fusion_weights(alone, "frame_only") == {"prediction_error": 1.0}
