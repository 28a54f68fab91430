"""Trains flow_duality's stages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vadbench.artefacts import open_artefact
from vadbench.methods import TrainJob
from vadbench.methods.flow_duality.samples import frame_pairs, single_frames
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import FrameStage, MotionStage
from vadbench.training.data import Samples
from vadbench.training.run import train
from vadbench.training.stage import Stage

__all__ = ["train_stage"]

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
            return single_frames(job.views)
        return frame_pairs(job.views, job.frozen)

    train(job, make, samples)


def _radius(views: Sequence[Path], percentile: float) -> float:
    """Returns the percentile of speed over training flows, in their unit."""
    speeds = []
    for path in views:
        with open_artefact(path, "views") as artefact:
            # The first frame of a clip has no flow into it.
            flow = artefact["flow"][1:, ::_EVERY, ::_EVERY].astype(np.float32)
            speeds.append(np.hypot(flow[..., 0], flow[..., 1]).ravel())
    return float(np.percentile(np.concatenate(speeds), percentile))
