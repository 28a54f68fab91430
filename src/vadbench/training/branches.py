"""Branches: students that translate a frame to what a teacher sees in it.

object_class_aware and multitask_attention each have two, trained without each other: on the worst
patch of an image, and scored by the mean of a map of errors (`branch_scores`).
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor, nn

from vadbench.methods import TrainJob
from vadbench.networks.translation import max_patch_loss
from vadbench.training.data import ViewSet
from vadbench.training.run import train
from vadbench.training.settings import StageSettings
from vadbench.training.stage import Stage

__all__ = ["Branch", "BranchStage", "train_branch"]


class Branch(nn.Module):
    """A student network and its target.

    Attributes:
        component: Name of its score, and of the stage that trains it.
        windows: Arrays of the views that it reads, and which frames of each; see `ViewSet`.
        reach: Further frames that must lie inside the clip.
        missing: Frames at a clip's start that it cannot score; they have the next one's score.
        form: What its target is, in words of `vadbench.training.panels`.
    """

    component: ClassVar[str]
    form: Literal["classes", "image", "map"] = "map"
    windows: Mapping[str, Sequence[int]]
    reach: tuple[int, int] = (0, 0)
    missing: int = 0

    def samples(self, views: Sequence[Path]) -> ViewSet:
        """Opens the samples of clips."""
        return ViewSet(views, self.windows, reach=self.reach)

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, C, H, W)."""

    @abstractmethod
    def error(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Returns the error that is trained on, (B, C, H, W)."""

    @abstractmethod
    def difference(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Returns the map of differences, (B, 1, H, W)."""

    def anomaly_map(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Returns the map whose mean is the score, (B, 1, H, W): the differences, or refined."""
        return self.difference(estimate, target)


class BranchStage(Stage):
    """Trains one branch on the worst patch of each image."""

    networks: Branch

    def __init__(self, branch: Branch, training: StageSettings, patch_rows: int) -> None:
        super().__init__(branch, training)
        self.patch_rows = patch_rows

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs what the branch reads."""
        loss = max_patch_loss(self.networks.error(*self.networks(batch)), self.patch_rows)
        self.log({"patch_error": loss})
        return loss


def train_branch(job: TrainJob, make: Callable[[], Stage]) -> None:
    """Trains the branch of a job's stage and writes its weights."""

    def samples(stage: Stage) -> ViewSet:
        assert isinstance(stage.networks, Branch)
        return stage.networks.samples(job.views)

    train(job, make, samples)
