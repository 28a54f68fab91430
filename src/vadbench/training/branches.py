"""Branches: students that translate a frame to what a teacher sees in it.

object_class_aware and multitask_attention each have two, trained without each other: on the worst
patch of an image, and scored by the mean of a map of errors (`branch_scores`).
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from vadbench.artefacts import open_artefact
from vadbench.methods import TrainJob
from vadbench.networks.translation import max_patch_loss
from vadbench.training.data import ViewSet
from vadbench.training.run import train
from vadbench.training.settings import StageSettings
from vadbench.training.stage import Stage

__all__ = ["Branch", "BranchStage", "magnitude_scale", "train_branch"]

_EVERY = 2  # the scale is a percentile of every second pixel, across and down


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


def magnitude_scale(views: Sequence[Path], percentile: float, *, masked: bool) -> float:
    """Returns a percentile of the flow magnitude of training views, in the flow's unit.

    Args:
        views: Views artefacts.
        percentile: 0 to 100.
        masked: Count pixels on objects only.
    """
    magnitudes = [np.zeros(0, np.float32)]
    for path in views:
        with open_artefact(path, "views") as artefact:
            # The first frame of a clip has no flow into it.
            flow = artefact["flow"][1:, ::_EVERY, ::_EVERY].astype(np.float32)
            magnitude = np.hypot(flow[..., 0], flow[..., 1])
            if masked:
                magnitude = magnitude[artefact["class_map"][1:, ::_EVERY, ::_EVERY] > 0]
            magnitudes.append(magnitude.ravel())
    every = np.concatenate(magnitudes)
    scale = float(np.percentile(every, percentile)) if len(every) else 0.0
    return scale if scale > 0 else 1.0
