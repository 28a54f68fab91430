"""object_class_aware's two branches: training stages that need nothing of each other."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.networks.translation import (
    class_targets,
    masked_magnitude,
    max_patch_loss,
    refine,
    translation_unet,
)
from vadbench.training.inputs import frames_of
from vadbench.training.stage import Stage

__all__ = ["AppearanceNetwork", "BranchStage", "MotionNetwork", "anomaly_map"]


class AppearanceNetwork(nn.Module):
    """Frame to segmentation map, one channel per group of classes."""

    component = "appearance"

    def __init__(self, settings: ObjectClassAwareSettings, weights: str = "none") -> None:
        super().__init__()
        self.groups = settings.class_groups
        self.unet = translation_unet("resnet34", 3, len(self.groups) + 2, weights)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, G + 2, H, W), of frames and class maps."""
        estimate = torch.sigmoid(self.unet(frames_of(batch)).float())
        return estimate, class_targets(batch["class_map"][:, 0], self.groups)

    def error(self, estimate: Tensor, target: Tensor) -> Tensor:
        """The error that is trained on (Eq. 4)."""
        return (estimate - target).square()


class MotionNetwork(nn.Module):
    """Frame to the magnitude of the flow into it, on objects.

    Attributes:
        scale: Magnitude that becomes 1, kept with the weights.
    """

    component = "motion"
    scale: Tensor

    def __init__(self, settings: ObjectClassAwareSettings, weights: str = "none") -> None:
        super().__init__()
        self.masked = settings.masked
        self.unet = translation_unet("resnet34", 3, 1, weights)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, 1, H, W), of frames, flow and class maps."""
        class_map = batch["class_map"][:, 0] if self.masked else None
        target = masked_magnitude(batch["flow"][:, 0], class_map, self.scale)
        return self.unet(frames_of(batch)).float(), target

    def error(self, estimate: Tensor, target: Tensor) -> Tensor:
        """The error that is trained on (Eq. 5)."""
        return (estimate - target).abs()


def anomaly_map(estimate: Tensor, target: Tensor, *, refined: bool) -> Tensor:
    """Returns the map of squared errors, mean over channels, (B, 1, H, W)."""
    squared = (estimate - target).square().mean(dim=1, keepdim=True)
    return refine(squared) if refined else squared


class BranchStage(Stage):
    """Trains one branch on the worst patch of each frame (Eq. 2 and 3)."""

    networks: AppearanceNetwork | MotionNetwork

    def __init__(
        self, network: AppearanceNetwork | MotionNetwork, settings: ObjectClassAwareSettings
    ) -> None:
        super().__init__(network, getattr(settings, network.component))
        self.rows = settings.patch_rows

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """One step; needs what the branch's network needs."""
        loss = max_patch_loss(self.networks.error(*self.networks(batch)), self.rows)
        self.log("patch_error", loss)
        return loss
