"""MiDaS 2.1's small network (Ranftl et al., TPAMI 2022), which transformers does not have.

An EfficientNet-Lite3 encoder, whose four stages are fused from the coarsest to the finest. Names of
its parts are those of the published weights. Its output is relative inverse depth.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from vadbench.teachers.loading import load_weights

__all__ = ["MidasSmall", "SmallProcessor", "load_small"]

_SIDE, _STEP = 256, 32
_STAGES = ((0, 2), (2, 3), (3, 5), (5, 7))
"""Blocks of the encoder in each stage; the stem belongs to the first."""
_CHANNELS = (32, 48, 136, 384)
_WIDTHS = (64, 128, 256, 512)


class MidasSmall(nn.Module):
    """The network: images (N, 3, H, W), sides in multiples of 32, to inverse depth (N, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        encoder = timm.create_model("tf_efficientnet_lite3", pretrained=False)
        stem = [encoder.conv_stem, encoder.bn1, nn.Identity()]
        self.pretrained = nn.ModuleDict(
            {
                f"layer{n}": nn.Sequential(*(stem if n == 1 else []), *encoder.blocks[first:end])
                for n, (first, end) in enumerate(_STAGES, 1)
            }
        )
        self.scratch = nn.ModuleDict()
        for n, (channels, width) in enumerate(zip(_CHANNELS, _WIDTHS, strict=True), 1):
            self.scratch[f"layer{n}_rn"] = _convolution(channels, width, bias=False)
            self.scratch[f"refinenet{n}"] = nn.ModuleDict(
                {
                    "out_conv": nn.Conv2d(width, width if n == 1 else width // 2, 1),
                    "resConfUnit1": _residual(width),
                    "resConfUnit2": _residual(width),
                }
            )
        self.scratch["output_conv"] = nn.Sequential(
            _convolution(64, 32),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            _convolution(32, 32),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Returns `predicted_depth`, as networks of transformers do."""
        seen = []
        for stage in self.pretrained.values():
            images = stage(images)
            seen.append(images)
        fused: Tensor | None = None
        for n in range(len(seen), 0, -1):
            block: Any = self.scratch[f"refinenet{n}"]
            reduced = self.scratch[f"layer{n}_rn"](seen[n - 1])
            if fused is not None:
                reduced = fused + _refined(block["resConfUnit1"], reduced)
            refined = _refined(block["resConfUnit2"], reduced)
            larger = functional.interpolate(
                refined, scale_factor=2, mode="bilinear", align_corners=True
            )
            fused = block["out_conv"](larger)
        return {"predicted_depth": self.scratch["output_conv"](fused).squeeze(1)}


def _convolution(channels: int, width: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=1, bias=bias)


def _residual(width: int) -> nn.ModuleDict:
    return nn.ModuleDict({name: _convolution(width, width) for name in ("conv1", "conv2")})


def _refined(unit: Any, values: Tensor) -> Tensor:
    inner = unit["conv1"](functional.relu(values))
    return values + unit["conv2"](functional.relu(inner))


class SmallProcessor:
    """What MiDaS does to images before and to depth after this network.

    An image keeps its proportions, about: its longer side becomes 256 pixels, the other the nearest
    multiple of 32.
    """

    def __init__(self) -> None:
        from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

        self.mean = np.array(IMAGENET_DEFAULT_MEAN, np.float32)
        self.deviation = np.array(IMAGENET_DEFAULT_STD, np.float32)

    def __call__(
        self, images: Sequence[npt.NDArray[np.uint8]], return_tensors: str = "pt"
    ) -> dict[str, Tensor]:
        """Returns images (H, W, 3), RGB, of one size as `pixel_values` (N, 3, h, w)."""
        height, width = images[0].shape[:2]
        scale = _SIDE / max(height, width)
        size = (_multiple(width * scale), _multiple(height * scale))
        scaled = [
            cv2.resize(image.astype(np.float32) / 255, size, interpolation=cv2.INTER_CUBIC)
            for image in images
        ]
        pixels = (np.stack(scaled) - self.mean) / self.deviation
        return {"pixel_values": torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()}

    def post_process_depth_estimation(
        self, outputs: dict[str, Tensor], target_sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Tensor]]:
        """Returns the depth of each image, resized to its size (height, width)."""
        return [
            {
                "predicted_depth": functional.interpolate(
                    depth[None, None], size=size, mode="bicubic", align_corners=False
                )[0, 0]
            }
            for depth, size in zip(outputs["predicted_depth"], target_sizes, strict=True)
        ]


def _multiple(length: float) -> int:
    return max(_STEP, min(_SIDE, round(length / _STEP) * _STEP))


def load_small(weights: Path) -> tuple[SmallProcessor, nn.Module]:
    """Reads the network from a file of its weights.

    Raises:
        VadbenchError: The file is damaged, or holds other weights.
    """
    network = MidasSmall()
    load_weights(network, weights)
    return SmallProcessor(), network.eval()
