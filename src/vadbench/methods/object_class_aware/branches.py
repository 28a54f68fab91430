"""object_class_aware's two branches."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.networks.translation import (
    class_targets,
    masked_magnitude,
    refine,
    target_channels,
    translation_unet,
)
from vadbench.training.branches import Branch
from vadbench.training.inputs import encoder_frames_of

__all__ = ["BRANCHES", "Appearance", "Motion"]


class _Translation(Branch):
    """Scored by the map of squared errors, mean over channels, eroded and dilated once."""

    def __init__(self, settings: ObjectClassAwareSettings) -> None:
        super().__init__()
        self.refined = settings.refined

    def difference(self, estimate: Tensor, target: Tensor) -> Tensor:
        return (estimate - target).square().mean(dim=1, keepdim=True)

    def anomaly_map(self, estimate: Tensor, target: Tensor) -> Tensor:
        squared = self.difference(estimate, target)
        return refine(squared) if self.refined else squared


class Appearance(_Translation):
    """Frame to segmentation map, one channel per group of classes."""

    component = "appearance"
    windows = {"frames": (0,), "class_map": (0,)}  # noqa: RUF012

    def __init__(self, settings: ObjectClassAwareSettings, weights: Path | None = None) -> None:
        super().__init__(settings)
        self.groups, self.target = settings.class_groups, settings.target
        self.form = "classes" if self.target == "classes" else "image"
        outputs = target_channels(self.groups, self.target)
        self.unet = translation_unet("resnet34", 3, outputs, weights)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, G + 2 or 3, H, W), of frames and class maps."""
        estimate = torch.sigmoid(self.unet(encoder_frames_of(batch)).float())
        return estimate, class_targets(batch["class_map"][:, 0], self.groups, self.target)

    def error(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Squared (Eq. 4)."""
        return (estimate - target).square()


class Motion(_Translation):
    """Frame to the magnitude of the flow into it, on objects.

    Attributes:
        scale: Magnitude that becomes 1, kept with the weights.
    """

    component = "motion"
    windows = {"frames": (0,), "flow": (0,), "class_map": (0,)}  # noqa: RUF012
    # The first frame of a clip has no flow into it.
    reach = (-1, 0)
    missing = 1
    scale: Tensor

    def __init__(self, settings: ObjectClassAwareSettings, weights: Path | None = None) -> None:
        super().__init__(settings)
        self.masked = settings.masked
        self.unet = translation_unet("resnet34", 3, 1, weights)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, 1, H, W), of frames, flow and class maps."""
        class_map = batch["class_map"][:, 0] if self.masked else None
        target = masked_magnitude(batch["flow"][:, 0], class_map, self.scale)
        return self.unet(encoder_frames_of(batch)).float(), target

    def error(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Absolute (Eq. 5)."""
        return (estimate - target).abs()


BRANCHES: dict[str, type[Appearance | Motion]] = {"appearance": Appearance, "motion": Motion}
