"""Trains multitask_attention's branches."""

from vadbench.methods import TrainJob
from vadbench.methods.multitask_attention.branches import BRANCHES, Motion
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.training.branches import BranchStage, train_branch
from vadbench.training.speeds import speed_percentile
from vadbench.training.stage import Stage

__all__ = ["train_stage"]


def train_stage(job: TrainJob) -> None:
    """Trains one branch and writes its weights."""
    settings = job.settings
    assert isinstance(settings, MultitaskAttentionSettings)

    def make() -> Stage:
        branch = BRANCHES[job.stage](settings, job.pretrained)
        if isinstance(branch, Motion):
            scale = speed_percentile(job.views, settings.scale_percentile, step=2, masked=True)
            branch.scale.fill_(scale)
        return BranchStage(branch, getattr(settings, job.stage), settings.patch_rows)

    train_branch(job, make)
