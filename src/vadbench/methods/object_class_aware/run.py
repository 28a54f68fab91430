"""Trains object_class_aware's branches and scores with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.artefacts import open_artefact
from vadbench.methods import ScoreJob, TrainJob
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.methods.object_class_aware.stages import (
    AppearanceNetwork,
    BranchStage,
    MotionNetwork,
    anomaly_map,
)
from vadbench.scoring.scores import Scores
from vadbench.training.data import ViewSet
from vadbench.training.inputs import FRAME_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.run import save_scores, score_samples, train
from vadbench.training.stage import Stage

__all__ = ["magnitude_scale", "score_split", "train_stage"]

_WINDOWS = {
    "appearance": {"frames": (0,), "class_map": (0,)},
    "motion": {"frames": (0,), "flow": (0,), "class_map": (0,)},
}
_EVERY = 2  # the scale is a percentile of every second pixel, across and down


def train_stage(job: TrainJob) -> None:
    """Trains one branch and writes its weights."""
    settings = job.settings
    assert isinstance(settings, ObjectClassAwareSettings)

    def make() -> Stage:
        network: AppearanceNetwork | MotionNetwork
        if job.stage == "appearance":
            network = AppearanceNetwork(settings, settings.encoder_weights)
        else:
            network = MotionNetwork(settings, settings.encoder_weights)
            network.scale.fill_(magnitude_scale(job.views, settings))
        return BranchStage(network, settings)

    def score(
        network: nn.Module, clips: Sequence[str], views: Sequence[Path], frozen: Path | None
    ) -> Scores:
        assert isinstance(network, AppearanceNetwork | MotionNetwork)
        return _scores([network], settings, clips, views, job.precision, job.seed)

    train(job, make, lambda: ViewSet(job.views, _WINDOWS[job.stage]), score)


def magnitude_scale(views: Sequence[Path], settings: ObjectClassAwareSettings) -> float:
    """Returns the percentile of training magnitudes that becomes 1, in the flow's unit."""
    magnitudes = [np.zeros(0, np.float32)]
    for path in views:
        with open_artefact(path, "views") as artefact:
            # The first frame of a clip has no flow into it.
            flow = artefact["flow"][1:, ::_EVERY, ::_EVERY].astype(np.float32)
            magnitude = np.hypot(flow[..., 0], flow[..., 1])
            if settings.masked:
                magnitude = magnitude[artefact["class_map"][1:, ::_EVERY, ::_EVERY] > 0]
            magnitudes.append(magnitude.ravel())
    every = np.concatenate(magnitudes)
    scale = float(np.percentile(every, settings.scale_percentile)) if len(every) else 0.0
    return scale if scale > 0 else 1.0


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, ObjectClassAwareSettings)
    set_up_torch(job.threads)
    kinds: dict[str, type[AppearanceNetwork | MotionNetwork]] = {
        "appearance": AppearanceNetwork,
        "motion": MotionNetwork,
    }
    networks: list[AppearanceNetwork | MotionNetwork] = []
    for stage, path in job.weights.items():
        network = kinds[stage](settings)
        network.load_state_dict(load_file(path))
        networks.append(network)
    save_scores(
        job,
        lambda clips, views: _scores(networks, settings, clips, views, job.precision, job.seed),
    )


def _scores(
    networks: Sequence[AppearanceNetwork | MotionNetwork],
    settings: ObjectClassAwareSettings,
    clips: Sequence[str],
    views: Sequence[Path],
    precision: str,
    seed: int,
) -> Scores:
    """Scores every frame: `appearance` and `motion`, the mean of each branch's error map."""
    windows = {name: of for network in networks for name, of in _WINDOWS[network.component].items()}
    samples = ViewSet(views, windows)

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            network.component: anomaly_map(*network(batch), refined=settings.refined).mean(
                dim=(1, 2, 3)
            )
            for network in networks
        }

    together = nn.ModuleList(networks)
    found = score_samples(together, compute, samples, FRAME_BATCH, precision, seed)
    return Scores.of_frames(clips, np.diff(samples.starts).tolist(), found)
