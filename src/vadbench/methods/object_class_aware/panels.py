"""Pictures of what object_class_aware's branches see."""

from vadbench.methods import ExplainJob
from vadbench.methods.object_class_aware.branches import BRANCHES
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.training.branch_panels import explain_branches

__all__ = ["explain_split"]


def explain_split(job: ExplainJob) -> None:
    """Pictures chosen frames and writes the `panels` artefact."""
    settings = job.settings
    assert isinstance(settings, ObjectClassAwareSettings)
    explain_branches(job, lambda stage: BRANCHES[stage](settings))
