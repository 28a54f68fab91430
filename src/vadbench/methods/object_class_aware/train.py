"""Trains object_class_aware's branches."""

from vadbench.methods import TrainJob
from vadbench.methods.object_class_aware.branches import BRANCHES, Motion
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.training.branches import BranchStage, train_branch
from vadbench.training.speeds import speed_percentile
from vadbench.training.stage import Stage

__all__ = ["train_stage"]


def train_stage(job: TrainJob) -> None:
    """Trains one branch and writes its weights."""
    settings = job.settings
    assert isinstance(settings, ObjectClassAwareSettings)

    def make() -> Stage:
        branch = BRANCHES[job.stage](settings, job.pretrained)
        if isinstance(branch, Motion):
            percentile, masked = settings.scale_percentile, settings.masked
            branch.scale.fill_(speed_percentile(job.views, percentile, step=2, masked=masked))
        return BranchStage(branch, getattr(settings, job.stage), settings.patch_rows)

    train_branch(job, make)
