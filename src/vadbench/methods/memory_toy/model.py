"""The memory toy's autoencoder and its input."""

import torch
from torch import Tensor

from vadbench.methods.hf2vad.networks import FlowAutoencoder
from vadbench.methods.memory_toy.settings import MemoryToySettings

__all__ = ["build", "images_of"]


def images_of(batch: dict[str, Tensor]) -> Tensor:
    """Returns (B, 1, H, W), 0 to 1."""
    return batch["frames"][:, 0].permute(0, 3, 1, 2).float() / 255


def build(settings: MemoryToySettings) -> FlowAutoencoder:
    """Builds the autoencoder of a variant."""
    return FlowAutoencoder(settings.memories, settings.skips, settings.memory_slots, channels=1).to(
        memory_format=torch.channels_last
    )
