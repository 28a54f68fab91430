"""U-Nets for whole frames (Ronneberger et al., MICCAI 2015), with a multi-scale first block."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["MultiScaleBlock", "UNet"]

SLOPE = 0.2
KERNELS = (1, 3, 5, 7)


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(SLOPE, inplace=True),
    ]


class MultiScaleBlock(nn.Module):
    """Parallel convolutions with kernels of several sizes, side by side, then batch norm.

    Args:
        inputs: Channels in.
        outputs: Channels out, a multiple of the number of kernels.
        kernels: Side of each kernel, odd.
    """

    def __init__(self, inputs: int, outputs: int, kernels: Sequence[int] = KERNELS) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(inputs, outputs // len(kernels), side, padding=side // 2, bias=False)
            for side in kernels
        )
        self.norm = nn.BatchNorm2d(outputs)
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, image: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        features = torch.cat([branch(image) for branch in self.branches], dim=1)
        out: Tensor = self.activation(self.norm(features))
        return out


class UNet(nn.Module):
    """Encoder and decoder with skips; LeakyReLU, batch norm, sigmoid at the end.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        widths: Channels at full size and after each halving.

    The first two convolutions are a `MultiScaleBlock`.
    """

    def __init__(self, inputs: int, outputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = MultiScaleBlock(inputs, widths[0])
        self.downs = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), *_layer(a, b), *_layer(b, b))
            for a, b in pairwise(widths)
        )
        self.ups, self.merges = nn.ModuleList(), nn.ModuleList()
        for a, b in pairwise(widths[::-1]):
            self.ups.append(nn.ConvTranspose2d(a, b, 2, stride=2))
            self.merges.append(nn.Sequential(*_layer(2 * b, b), *_layer(b, b)))
        self.last = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W), 0 to 1; sides are multiples of 2**halvings."""
        levels = [self.first(image)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        features = levels.pop()
        for up, merge in zip(self.ups, self.merges, strict=True):
            features = merge(torch.cat([up(features), levels.pop()], dim=1))
        return torch.sigmoid(self.last(features))
