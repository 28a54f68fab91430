"""Trains flow_duality's stages."""

from vadbench.methods import TrainJob
from vadbench.methods.flow_duality.samples import frame_pairs, single_frames
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import FrameStage, MotionStage
from vadbench.training.data import Samples
from vadbench.training.run import train
from vadbench.training.speeds import speed_percentile
from vadbench.training.stage import Stage

__all__ = ["train_stage"]


def train_stage(job: TrainJob) -> None:
    """Trains one stage and writes its weights."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)

    def make() -> Stage:
        if job.stage == "motion":
            radius = speed_percentile(job.views, settings.radius_percentile, step=4)
            return MotionStage(settings, radius)
        return FrameStage(settings)

    def samples(stage: Stage) -> Samples:
        if job.stage == "motion":
            return single_frames(job.views)
        return frame_pairs(job.views, job.frozen)

    train(job, make, samples)
