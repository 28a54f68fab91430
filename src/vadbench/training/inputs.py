"""How stored frames and flow become the input of networks."""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["CUBE_BATCH", "FRAME_BATCH", "LAST", "encoder_frames_of", "flows_of", "frames_of"]

LAST = torch.channels_last
CUBE_BATCH, FRAME_BATCH = 128, 16
"""Cubes, and whole frames, per batch in scoring."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, RGB; the published encoders were trained on what is left after them."""


def flows_of(batch: Mapping[str, Tensor], name: str = "flow") -> Tensor:
    """Returns flows (B, 4, 2, H, W) float32 out of a batch of cubes."""
    return batch[name].permute(0, 1, 4, 2, 3).float()


def frames_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Returns frames (B, 3 T, H, W), BGR, 0 to 1, of cubes or of windows of T whole frames.

    Grey frames are repeated over the channels.
    """
    frames = batch["frames"].permute(0, 1, 4, 2, 3)
    if frames.shape[2] == 1:
        frames = frames.expand(-1, -1, 3, -1, -1)
    return (frames.flatten(1, 2).float() / 255).contiguous(memory_format=LAST)


def encoder_frames_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Returns frames (B, 3 T, H, W), RGB, normalised as encoders pretrained on ImageNet expect."""
    frames = frames_of(batch)
    frames = frames.reshape(len(frames), -1, 3, *frames.shape[2:]).flip(2)
    mean, deviation = (frames.new_tensor(item)[:, None, None] for item in (_MEAN, _DEVIATION))
    return ((frames - mean) / deviation).flatten(1, 2).contiguous(memory_format=LAST)
