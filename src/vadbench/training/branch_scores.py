"""Raw scores of branches: the mean of each one's map of errors."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.methods import ScoreJob, Scorer, TrainJob
from vadbench.scoring.scores import Scores, fill_start
from vadbench.training.branches import Branch
from vadbench.training.inputs import FRAME_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.scoring import save_scores, score_samples

__all__ = ["branch_scorer", "load_branches", "save_branch_scores"]


def save_branch_scores(job: ScoreJob, make: Callable[[str], Branch]) -> None:
    """Scores a split with the branches whose weights a job has.

    Args:
        job: What to score.
        make: Builds the branch of a stage.
    """
    set_up_torch(job.threads)
    save_scores(job, nn.ModuleList(load_branches(job.weights, make)), branch_scorer(job))


def branch_scorer(job: ScoreJob | TrainJob) -> Scorer:
    """Returns what scores every frame of clips, a component for each branch.

    The networks are a branch, as in training, or a list of them.
    """

    def score(
        networks: nn.Module, clips: Sequence[str], views: Sequence[Path], frozen: Path | None
    ) -> Scores:
        frames, lengths = {}, []
        for branch in networks if isinstance(networks, nn.ModuleList) else [networks]:
            assert isinstance(branch, Branch)
            samples = branch.samples(views)

            def compute(batch: dict[str, Tensor], branch: Branch = branch) -> dict[str, Tensor]:
                return {branch.component: branch.anomaly_map(*branch(batch)).mean(dim=(1, 2, 3))}

            found = score_samples(branch, compute, samples, FRAME_BATCH, job.precision, job.seed)
            frames[branch.component] = fill_start(
                found[branch.component], samples.starts, branch.missing
            )
            lengths = (np.diff(samples.starts) + branch.missing).tolist()
        return Scores.of_frames(clips, lengths, frames)

    return score


def load_branches(weights: Mapping[str, Path], make: Callable[[str], Branch]) -> list[Branch]:
    """Loads the branches of stages."""
    branches = []
    for stage, path in weights.items():
        branch = make(stage)
        branch.load_state_dict(load_file(path))
        branches.append(branch)
    return branches
