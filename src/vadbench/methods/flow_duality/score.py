"""Raw scores of flow_duality: the PSNR of predicted frames (Sec. 3.3)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.methods import ScoreJob, Scorer, TrainJob
from vadbench.methods.flow_duality.networks import FrameNetwork, MotionNetwork
from vadbench.methods.flow_duality.samples import frame_pairs, single_frames
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import predict_frames
from vadbench.scoring.scores import Scores, fill_start
from vadbench.training.inputs import FRAME_BATCH, frames_of
from vadbench.training.machine import set_up_torch
from vadbench.training.scoring import save_scores, score_samples

__all__ = ["frame_scores", "peak_signal_to_noise", "score_split", "scorer"]


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)
    set_up_torch(job.threads)
    network = FrameNetwork(settings)
    network.load_state_dict(load_file(job.weights["frame"]))
    save_scores(job, network, scorer(job))


def scorer(job: ScoreJob | TrainJob) -> Scorer:
    """Returns what scores the frames of clips; see `frame_scores`."""

    def score(
        network: nn.Module, clips: Sequence[str], views: Sequence[Path], frozen: Path | None
    ) -> Scores:
        assert isinstance(network, MotionNetwork | FrameNetwork)
        return frame_scores(network, clips, views, frozen, job.precision, job.seed)

    return score


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
    samples = single_frames(views) if is_motion else frame_pairs(views, frozen)
    found = score_samples(network, compute, samples, FRAME_BATCH, precision, seed)
    frames = {name: fill_start(values, samples.starts, 1) for name, values in found.items()}
    return Scores.of_frames(clips, (np.diff(samples.starts) + 1).tolist(), frames)


def peak_signal_to_noise(predicted: Tensor, target: Tensor) -> Tensor:
    """Returns the PSNR of (B, 3, H, W) images, (B,) dB.

    The peak is the target's own maximum, of a black frame the darkest grey that is not black.
    """
    error = (predicted - target).double().square().flatten(1).mean(dim=1)
    peak = target.flatten(1).amax(dim=1).double().clamp_min(1 / 255)
    return 10 * torch.log10(peak.square() / error.clamp_min(1e-12))
