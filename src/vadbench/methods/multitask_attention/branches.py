"""multitask_attention's two branches."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from vadbench.methods.multitask_attention.networks import AttentiveUNet
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.networks.translation import (
    class_targets,
    masked_magnitude,
    target_channels,
    translation_unet,
)
from vadbench.training.branches import Branch
from vadbench.training.inputs import encoder_frames_of

__all__ = ["BRANCHES", "Appearance", "Motion"]


class _Student(Branch):
    """Trained on squared errors (Eq. 6), scored by absolute ones (Eq. 4)."""

    def error(self, estimate: Tensor, target: Tensor) -> Tensor:
        return (estimate - target).square()

    def difference(self, estimate: Tensor, target: Tensor) -> Tensor:
        return (estimate - target).abs().mean(dim=1, keepdim=True)


class Appearance(_Student):
    """Frames t-1 and t to the segmentation map of t+1, or frame t to its own."""

    component = "appearance"

    def __init__(self, settings: MultitaskAttentionSettings, weights: Path | None = None) -> None:
        super().__init__()
        self.groups, self.target = settings.class_groups, settings.target
        self.form = "classes" if self.target == "classes" else "image"
        outputs = target_channels(self.groups, self.target)
        inputs = 6 if settings.future else 3
        self.unet = translation_unet("resnet34", inputs, outputs, weights)
        if settings.future:
            self.windows = {"frames": (-1, 0), "class_map": (1,)}
            self.missing = 2
        else:
            self.windows = {"frames": (0,), "class_map": (0,)}

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, G + 2 or 3, H, W), of frames and class maps."""
        estimate = torch.sigmoid(self.unet(encoder_frames_of(batch)).float())
        return estimate, class_targets(batch["class_map"][:, 0], self.groups, self.target)


class Motion(_Student):
    """Frame to the magnitude of the flow into it, on objects, with attention.

    Attributes:
        scale: Magnitude that becomes 1, kept with the weights.
    """

    component = "motion"
    # The first frame of a clip has no flow into it.
    reach = (-1, 0)
    missing = 1
    scale: Tensor

    def __init__(self, settings: MultitaskAttentionSettings, weights: Path | None = None) -> None:
        super().__init__()
        self.network = AttentiveUNet(settings.attention, scse=settings.scse, weights=weights)
        self.network.to(memory_format=torch.channels_last)
        self.register_buffer("scale", torch.ones(()))
        self.windows = {"frames": (0,), "flow": (0,), "class_map": (0,)}
        if settings.attention != "none":
            self.windows["depth"] = (0,)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns estimate and target, (B, 1, H, W), of frames, flow, class maps and depth."""
        flow = batch["flow"][:, 0]
        depth = batch["depth"][:, 0] if "depth" in batch else None
        target = masked_magnitude(flow, batch["class_map"][:, 0], self.scale)
        return self.network(encoder_frames_of(batch), flow, depth).float(), target


BRANCHES: dict[str, type[Appearance | Motion]] = {"appearance": Appearance, "motion": Motion}
