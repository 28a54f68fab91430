"""Pictures of what multitask_attention's branches see."""

from vadbench.methods import ExplainJob
from vadbench.methods.multitask_attention.branches import BRANCHES
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.training.branch_panels import explain_branches

__all__ = ["explain_split"]


def explain_split(job: ExplainJob) -> None:
    """Pictures chosen frames and writes the `panels` artefact."""
    settings = job.settings
    assert isinstance(settings, MultitaskAttentionSettings)
    explain_branches(job, lambda stage: BRANCHES[stage](settings))
