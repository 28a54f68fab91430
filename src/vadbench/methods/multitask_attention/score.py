"""Raw scores of multitask_attention's branches."""

from vadbench.methods import ScoreJob
from vadbench.methods.multitask_attention.branches import BRANCHES
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.training.branch_scores import save_branch_scores

__all__ = ["score_split"]


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, MultitaskAttentionSettings)
    save_branch_scores(job, lambda stage: BRANCHES[stage](settings))
