"""Raw scores of object_class_aware's branches."""

from vadbench.methods import ScoreJob
from vadbench.methods.object_class_aware.branches import BRANCHES
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.training.branch_scores import save_branch_scores

__all__ = ["score_split"]


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, ObjectClassAwareSettings)
    save_branch_scores(job, lambda stage: BRANCHES[stage](settings))
