from pathlib import Path

import numpy as np
import pytest
import torch

from tests.views import write_views
from vadbench.artefacts import open_artefact
from vadbench.methods import ApplyJob, ClipFrames, ScoreJob, TrainJob, get_method
from vadbench.methods.flow_duality.frozen import apply_motion
from vadbench.methods.flow_duality.networks import FrameNetwork, MotionNetwork
from vadbench.methods.flow_duality.score import peak_signal_to_noise, score_split
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import FrameStage, MotionStage
from vadbench.methods.flow_duality.train import train_stage
from vadbench.networks.flow_colours import flow_colours
from vadbench.networks.losses import root_mean_square
from vadbench.networks.unet import MultiScaleBlock
from vadbench.training.settings import StageSettings

TRAINING = StageSettings(epochs=30, batch_size=7, learning_rate=2e-3, decay=1.0)
SMALL = FlowDualitySettings(
    motion_widths=[8, 16, 16], frame_widths=[8, 16], motion=TRAINING, frame=TRAINING
)
CLIPS = [8, 8]


def frame_batch(count: int = 3, size: int = 16) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(1)
    return {
        "frames": torch.randint(0, 256, (count, 2, size, size, 1), generator=made).byte(),
        "colours": torch.randint(0, 256, (count, size, size, 3), generator=made).byte(),
    }


def test_shapes_of_the_networks() -> None:
    settings = FlowDualitySettings()
    frame = torch.rand(1, 3, 64, 64)
    motion = MotionNetwork(settings).eval()(frame)
    following = FrameNetwork(settings).eval()(frame, motion)
    for image in (motion, following):
        assert image.shape == frame.shape
        assert image.min() >= 0
        assert image.max() <= 1


def test_the_first_block_has_four_kernels_side_by_side() -> None:
    torch.manual_seed(0)
    block = MultiScaleBlock(3, 64).eval()
    assert [branch.kernel_size for branch in block.branches] == [(1, 1), (3, 3), (5, 5), (7, 7)]
    image = torch.zeros(1, 3, 15, 15)
    image[..., 7, 7] = 1.0
    reached = (block(image) != block(torch.zeros_like(image))).squeeze(0)
    widths = [int(reached[16 * k : 16 * k + 16].any(dim=0).any(dim=0).sum()) for k in range(4)]
    assert widths == [1, 3, 5, 7]


def test_colours_tell_direction_and_speed() -> None:
    flow = torch.zeros(1, 2, 1, 5)
    flow[0, :, 0, 1] = torch.tensor([2.0, 0.0])
    flow[0, :, 0, 2] = torch.tensor([1.0, 0.0])
    flow[0, :, 0, 3] = torch.tensor([-2.0, 0.0])
    flow[0, :, 0, 4] = torch.tensor([4.0, 0.0])
    rgb = flow_colours(flow, 2.0)[0, :, 0].T
    # No motion is white, motion to the right red, half of its speed half as saturated; motion to
    # the left is cyan to blue; beyond the radius a colour gets darker.
    torch.testing.assert_close(rgb[0], torch.ones(3))
    torch.testing.assert_close(rgb[1], torch.tensor([1.0, 0.0, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(rgb[2], torch.tensor([1.0, 0.5, 0.5]), atol=1e-5, rtol=0)
    assert rgb[3].argmin() == 0
    torch.testing.assert_close(rgb[4], 0.75 * rgb[1], atol=1e-5, rtol=0)
    # By the image's own largest speed, twice the flow looks the same.
    torch.testing.assert_close(flow_colours(flow, None), flow_colours(2 * flow, None))


def test_the_frame_loss_by_hand() -> None:
    stage = FrameStage(SMALL.model_copy(update={"margin_weight": 0.5, "margin": 0.3})).eval()
    batch = frame_batch()
    loss = stage.training_step(batch)
    now, following = (batch["frames"][:, k].permute(0, 3, 1, 2) / 255 for k in (0, 1))
    colours = batch["colours"].permute(0, 3, 1, 2) / 255
    made = stage.networks(now.repeat(1, 3, 1, 1), colours)
    error = (following - made).square().mean(dim=(1, 2, 3)).sqrt()
    apart = (now - made).square().mean(dim=(1, 2, 3)).sqrt()
    margin = (error - apart + 0.3).clamp_min(0).mean()
    assert float(margin.detach()) > 0
    torch.testing.assert_close(loss, error.mean() + 0.5 * margin)


def test_root_mean_square_of_an_exact_prediction_has_a_gradient() -> None:
    difference = torch.zeros(2, 3, requires_grad=True)
    root_mean_square(difference).sum().backward()
    assert difference.grad is not None
    assert torch.isfinite(difference.grad).all()


@pytest.mark.parametrize("guided", [True, False])
def test_a_step_trains_every_parameter(guided: bool) -> None:
    torch.manual_seed(0)
    stages = [FrameStage(SMALL.model_copy(update={"guided": guided}))]
    batch = frame_batch()
    if guided:
        stages.append(MotionStage(SMALL, 1.0))
        batch["flow"] = torch.randn(3, 1, 16, 16, 2)
    for stage in stages:
        one = batch if isinstance(stage, FrameStage) else batch | {"frames": batch["frames"][:, :1]}
        stage.training_step(one).backward()
        for name, item in stage.named_parameters():
            assert item.grad is not None, name
            # A transposed convolution's bias before a convolution and batch norm may have none.
            assert item.grad.abs().sum() > 0 or name.endswith("bias"), name


def test_the_peak_is_the_targets_own() -> None:
    target, made = torch.full((1, 3, 2, 2), 0.5), torch.full((1, 3, 2, 2), 0.4)
    value = peak_signal_to_noise(made, target)
    assert value.item() == pytest.approx(10 * np.log10(0.25 / 0.01), rel=1e-5)


def test_a_black_frame_has_a_finite_score() -> None:
    black = torch.zeros(1, 3, 2, 2)
    # A grey level in every pixel is as large as the smallest peak: 0 dB.
    assert peak_signal_to_noise(black + 1 / 255, black).item() == pytest.approx(0.0, abs=1e-5)
    assert peak_signal_to_noise(black, black).isfinite().all()


def test_both_stages_learn_and_every_frame_is_scored(tmp_path: Path) -> None:
    views = write_views(tmp_path, CLIPS)

    def job(stage: str, frozen: Path | None = None) -> TrainJob:
        return TrainJob(
            dataset="made", method="flow_duality", variant="full", stage=stage, settings=SMALL,
            seed=0, weights={}, cubes=[], views=views, output=tmp_path / f"{stage}.safetensors",
            work=tmp_path / stage, precision="32", frozen=frozen,
        )  # fmt: skip

    train_stage(job("motion"))
    frozen = tmp_path / "frozen.h5"
    apply_motion(
        ApplyJob(
            dataset="made", method="flow_duality", variant="full", stage="motion", split="train",
            settings=SMALL, seed=0, weights={"motion": tmp_path / "motion.safetensors"}, cubes=[],
            views=views, output=frozen, precision="32",
        )
    )  # fmt: skip
    with open_artefact(frozen, "flow_colours") as artefact:
        assert artefact["colours"].shape == (sum(CLIPS) - len(CLIPS), 32, 32, 3)
    train_stage(job("frame", frozen))
    score_split(
        ScoreJob(
            dataset="made", method="flow_duality", variant="full", split="train", settings=SMALL,
            seed=0, weights={"frame": tmp_path / "frame.safetensors"},
            clips=[ClipFrames(path.stem, 8, lambda: pytest.fail("reads views")) for path in views],
            cubes=[], views=views, output=tmp_path / "scores.h5", precision="32", frozen=frozen,
        )
    )  # fmt: skip
    with open_artefact(tmp_path / "scores.h5", "scores") as scores:
        values = scores["frame/negative_psnr"][:]
    assert len(values) == sum(CLIPS)
    # The first frame of each clip copies the second's score.
    assert values[0] == values[1]
    assert values[8] == values[9]
    # An image of one grey has a PSNR of about 10 here.
    assert np.median(values) < -15


def test_what_is_frozen_for_whom() -> None:
    method = get_method("flow_duality")
    assert method.frozen("full", "frame") == method.frozen("full", None) == "motion"
    assert method.frozen("full", "motion") is None
    assert method.frozen("no_flow", "frame") is method.frozen("vanilla", None) is None
