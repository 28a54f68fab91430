"""Trains multitask_attention's branches and scores with them."""

from vadbench.methods import ScoreJob, TrainJob
from vadbench.methods.multitask_attention.branches import BRANCHES, Motion
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.training.branches import (
    BranchStage,
    magnitude_scale,
    save_branch_scores,
    train_branch,
)
from vadbench.training.stage import Stage

__all__ = ["score_split", "train_stage"]


def train_stage(job: TrainJob) -> None:
    """Trains one branch and writes its weights."""
    settings = job.settings
    assert isinstance(settings, MultitaskAttentionSettings)

    def make() -> Stage:
        branch = BRANCHES[job.stage](settings, job.pretrained)
        if isinstance(branch, Motion):
            scale = magnitude_scale(job.views, settings.scale_percentile, masked=True)
            branch.scale.fill_(scale)
        return BranchStage(branch, getattr(settings, job.stage), settings.patch_rows)

    train_branch(job, make)


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, MultitaskAttentionSettings)
    save_branch_scores(job, lambda stage: BRANCHES[stage](settings))
