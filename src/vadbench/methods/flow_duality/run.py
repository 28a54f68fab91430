"""Trains flow_duality's stages, applies the frozen one, and scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.artefacts import open_artefact
from vadbench.methods import ApplyJob, ScoreJob, TrainJob
from vadbench.methods.flow_duality.networks import FrameNetwork, MotionNetwork
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import FrameStage, MotionStage, predict_frames
from vadbench.scoring.scores import Scores, fill_start
from vadbench.training.data import Samples, ViewSet
from vadbench.training.inputs import FRAME_BATCH, frames_of
from vadbench.training.machine import set_up_torch
from vadbench.training.run import (
    compute_batches,
    output_writer,
    save_scores,
    score_samples,
    train,
)
from vadbench.training.stage import Stage

__all__ = [
    "apply_motion",
    "frame_pairs",
    "frame_scores",
    "peak_signal_to_noise",
    "score_split",
    "train_stage",
]

_EVERY = 4  # the radius is a percentile of every fourth vector, across and down


def train_stage(job: TrainJob) -> None:
    """Trains one stage and writes its weights."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)

    def make() -> Stage:
        if job.stage == "motion":
            return MotionStage(settings, _radius(job.views, settings.radius_percentile))
        return FrameStage(settings)

    def samples(stage: Stage) -> Samples:
        if job.stage == "motion":
            return _single(job.views)
        return frame_pairs(job.views, job.frozen)

    def score(
        network: nn.Module, clips: Sequence[str], views: Sequence[Path], frozen: Path | None
    ) -> Scores:
        assert isinstance(network, MotionNetwork | FrameNetwork)
        return frame_scores(network, clips, views, frozen, job.precision, job.seed)

    train(job, make, samples, score)


def _radius(views: Sequence[Path], percentile: float) -> float:
    """Returns the percentile of speed over training flows, in their unit."""
    speeds = []
    for path in views:
        with open_artefact(path, "views") as artefact:
            # The first frame of a clip has no flow into it.
            flow = artefact["flow"][1:, ::_EVERY, ::_EVERY].astype(np.float32)
            speeds.append(np.hypot(flow[..., 0], flow[..., 1]).ravel())
    return float(np.percentile(np.concatenate(speeds), percentile))


def _single(views: Sequence[Path]) -> ViewSet:
    """Frame t and the flow from it into the next."""
    return ViewSet(views, {"frames": (0,), "flow": (1,)})


def frame_pairs(views: Sequence[Path], frozen: Path | None) -> ViewSet:
    """Frames t and t+1 and, if there are any, the predicted colours of the flow between them."""
    return ViewSet(views, {"frames": (0, 1)}, {"colours": frozen} if frozen else {})


def apply_motion(job: ApplyJob) -> None:
    """Predicts the flow of every frame of a split and writes the `flow_colours` artefact."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)
    set_up_torch(job.threads)
    network = MotionNetwork(settings)
    network.load_state_dict(load_file(job.weights["motion"]))

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        made = network(frames_of(batch)).float()
        return {"colours": (255 * made).round().to(torch.uint8).permute(0, 2, 3, 1)}

    with output_writer(job, "flow_colours") as writer:

        def keep(made: dict[str, Tensor]) -> None:
            writer.append("colours", made["colours"].cpu().numpy())

        samples = ViewSet(job.views, {"frames": (0,)}, reach=(0, 1))
        compute_batches(network, compute, samples, FRAME_BATCH, job.precision, keep)


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)
    set_up_torch(job.threads)
    network = FrameNetwork(settings)
    network.load_state_dict(load_file(job.weights["frame"]))
    save_scores(
        job,
        lambda clips, views: frame_scores(
            network, clips, views, job.frozen, job.precision, job.seed
        ),
    )


def frame_scores(
    network: MotionNetwork | FrameNetwork,
    clips: Sequence[str],
    views: Sequence[Path],
    frozen: Path | None,
    precision: str,
    seed: int,
) -> Scores:
    """Scores every frame of clips; the first of a clip copies the second's score (Sec. 3.3).

    Args:
        network: The frame network, or the motion network by itself.
        clips: Clip names, in order.
        views: Their views.
        frozen: Predicted colours, if the frame network is guided.
        precision: "auto", "32" or "bf16".
        seed: Seed of what is drawn at test time: nothing here.

    Returns:
        `negative_psnr` in dB, or, of the motion network, `flow_error`, the mean absolute error of
        the colours; higher is more abnormal.
    """

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if isinstance(network, MotionNetwork):
            target = network.colours(batch["flow"][:, 0].permute(0, 3, 1, 2))
            made = network(frames_of(batch)).float()
            return {"flow_error": (made - target).abs().flatten(1).mean(dim=1)}
        _, following, predicted = predict_frames(network, batch)
        return {"negative_psnr": -peak_signal_to_noise(predicted, following)}

    is_motion = isinstance(network, MotionNetwork)
    samples = _single(views) if is_motion else frame_pairs(views, frozen)
    found = score_samples(network, compute, samples, FRAME_BATCH, precision, seed)
    frames = {name: fill_start(values, samples.starts, 1) for name, values in found.items()}
    return Scores.of_frames(clips, (np.diff(samples.starts) + 1).tolist(), frames)


def peak_signal_to_noise(predicted: Tensor, target: Tensor) -> Tensor:
    """Returns the PSNR of (B, 3, H, W) images, (B,) dB; the peak is the target's own maximum."""
    error = (predicted - target).double().square().flatten(1).mean(dim=1)
    peak = target.flatten(1).amax(dim=1).double()
    return 10 * torch.log10(peak.square() / error.clamp_min(1e-12))
