"""Pictures of what branches see."""

from collections.abc import Callable

import torch
from torch import Tensor

from vadbench.methods import ExplainJob
from vadbench.training.branch_scores import load_branches
from vadbench.training.branches import Branch
from vadbench.training.inputs import frames_of
from vadbench.training.panels import View, explain

__all__ = ["explain_branches"]


def explain_branches(job: ExplainJob, make: Callable[[str], Branch]) -> None:
    """Pictures what the branches whose weights a job has see in its frames.

    Args:
        job: What to picture.
        make: Builds the branch of a stage.
    """

    def view(branch: Branch) -> View:
        def look(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            estimate, target = branch(batch)
            difference, scored = (
                branch.difference(estimate, target),
                branch.anomaly_map(estimate, target),
            )
            if branch.form == "classes":
                estimate, target = (item.argmax(dim=1, keepdim=True) for item in (estimate, target))
            found = {
                "input/image": frames_of(batch)[:, -3:],
                f"target/{branch.form}": target,
                f"estimate/{branch.form}": estimate,
                "map/map": difference,
            }
            return found if torch.equal(difference, scored) else found | {"refined/map": scored}

        return View(branch.component, branch, branch.samples(job.views), look, branch.missing)

    explain(job, lambda: [view(branch) for branch in load_branches(job.weights, make)])
