"""The motion network of multitask_attention: a vgg16 U-Net with two kinds of attention.

Sec. 3.3 to 3.5 and Figures 3 and 4. Encoder and decoder are segmentation-models-pytorch's; they
are walked level by level here, because attention enters between levels.
"""

from pathlib import Path

import torch
from segmentation_models_pytorch.base.modules import SCSEModule
from torch import Tensor, nn
from torch.nn import functional as F

from vadbench.networks.translation import translation_unet

__all__ = ["AttentionMap", "AttentiveUNet"]

MIDDLE = (2, 3)
"""Levels of the encoder that attend, at a quarter and an eighth of the size, and the decoder's."""
_MAP_WIDTH = 16


class AttentionMap(nn.Module):
    """Direction and depth to one map: two 3 x 3 convolutions, one 1 x 1, a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, _MAP_WIDTH, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_MAP_WIDTH, _MAP_WIDTH, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_MAP_WIDTH, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, flow: Tensor, depth: Tensor) -> Tensor:
        """Returns the map.

        Args:
            flow: (B, H, W, 2); only its direction counts (Eq. 2 and 3).
            depth: (B, H, W), relative.

        Returns:
            (B, 1, H, W), 0 to 1.
        """
        vectors = flow.float().permute(0, 3, 1, 2)
        speed = vectors.square().sum(dim=1, keepdim=True).sqrt()
        # Where nothing moves there is no direction: both are 0.
        direction = vectors.abs() / speed.clamp_min(1e-3)
        out: Tensor = self.layers(torch.cat([direction, depth.float()[:, None]], dim=1))
        return out


class AttentiveUNet(nn.Module):
    """Frame to flow magnitude.

    Args:
        attention: Where the attention map enters: none, encoder, decoder, skip or final.
        scse: Whether the encoder's middle levels have spatial and channel attention.
        weights: Of the encoder; see `translation_unet`.
    """

    def __init__(self, attention: str, *, scse: bool, weights: Path | None) -> None:
        super().__init__()
        self.attention = attention
        self.unet = translation_unet("vgg16", 3, 1, weights)
        layers = list(self.unet.get_submodule("encoder.features").children())
        pools = [i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        self.ends = [*(place - 1 for place in pools), len(layers) - 1]
        widths = [self._width(layers, end) for end in self.ends]
        self.scse = nn.ModuleDict(
            {str(level): SCSEModule(widths[level]) for level in MIDDLE} if scse else {}
        )
        self.map = AttentionMap() if attention != "none" else None

    @staticmethod
    def _width(layers: list[nn.Module], end: int) -> int:
        before = [layer for layer in layers[: end + 1] if isinstance(layer, nn.Conv2d)]
        return before[-1].out_channels

    def forward(self, frame: Tensor, flow: Tensor, depth: Tensor | None) -> Tensor:
        """Returns the magnitude, (B, 1, H, W).

        Args:
            frame: (B, 3, H, W), as its encoder expects; sides are multiples of 32.
            flow: (B, H, W, 2) into the frame, for its direction.
            depth: (B, H, W), relative; not needed without attention.
        """
        attended = None
        if self.map is not None:
            assert depth is not None
            attended = self.map(flow, depth)
        features = self._encode(frame, attended)
        if self.attention == "skip":
            features = [
                _attend(item, attended) if level in MIDDLE else item
                for level, item in enumerate(features)
            ]
        decoded = self._decode(features, attended)
        if self.attention == "final":
            decoded = _attend(decoded, attended)
        out: Tensor = self.unet.get_submodule("segmentation_head")(decoded)
        return out

    def _encode(self, frame: Tensor, attended: Tensor | None) -> list[Tensor]:
        """Features at full size and after each halving."""
        features: list[Tensor] = []
        for place, layer in enumerate(self.unet.get_submodule("encoder.features").children()):
            frame = layer(frame)
            if place not in self.ends:
                continue
            level = str(len(features))
            if level in self.scse:
                frame = self.scse[level](frame)
            if self.attention == "encoder" and len(features) in MIDDLE:
                frame = _attend(frame, attended)
            features.append(frame)
        return features

    def _decode(self, features: list[Tensor], attended: Tensor | None) -> Tensor:
        decoder = self.unet.get_submodule("decoder")
        *skips, head = features
        decoded: Tensor = decoder.get_submodule("center")(head)
        blocks = list(decoder.get_submodule("blocks").children())
        for level, block in zip(range(len(skips) - 1, -1, -1), blocks, strict=True):
            # The finest level has no skip connection in this decoder.
            skip = skips[level] if level else None
            decoded = block(decoded, *skips[level].shape[2:], skip_connection=skip)
            if self.attention == "decoder" and level in MIDDLE:
                decoded = _attend(decoded, attended)
        return decoded


def _attend(features: Tensor, attended: Tensor | None) -> Tensor:
    """Multiplies features by the map, resized to them."""
    assert attended is not None
    size = features.shape[2:]
    return features * F.interpolate(attended, size, mode="bilinear", align_corners=False)
