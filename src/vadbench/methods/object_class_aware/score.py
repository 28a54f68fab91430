"""Raw scores of object_class_aware's branches."""

from vadbench.methods import ScoreJob, Scorer, TrainJob
from vadbench.methods.object_class_aware.branches import BRANCHES
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.training.branch_scores import branch_scorer, save_branch_scores

__all__ = ["score_split", "scorer"]


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, ObjectClassAwareSettings)
    save_branch_scores(job, lambda stage: BRANCHES[stage](settings))


def scorer(job: TrainJob) -> Scorer:
    """Returns what scores clips with the branch that a job trains."""
    return branch_scorer(job)
