"""Losses that several methods share."""

import torch
from torch import Tensor

__all__ = [
    "addressing_entropy",
    "gradient_loss",
    "mean_divergence",
    "root_mean_square",
    "squared_error",
]


def addressing_entropy(weights: Tensor) -> Tensor:
    """Mean over samples of the entropy of addressing weights (B, N); HF2-VAD, Eq. 2."""
    return -(weights * torch.log(weights + 1e-12)).sum(dim=1).mean()


def mean_divergence(posterior: Tensor, prior: Tensor) -> Tensor:
    """Kullback-Leibler divergence of Gaussians of unit variance, from their means.

    Summed over dimensions, mean over samples, as HF2-VAD's released code has it.

    Args:
        posterior: (B, C, H, W) means.
        prior: (B, C, H, W) means.
    """
    return 0.5 * (posterior - prior).square().flatten(1).sum(dim=1).mean()


def root_mean_square(difference: Tensor) -> Tensor:
    """Returns the root of the mean square of each sample of (B, ...), (B,)."""
    # Where a prediction is exact the root alone would have no gradient.
    return (difference.square().flatten(1).mean(dim=1) + 1e-12).sqrt()


def squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Returns the squared error summed over each sample of (B, ...), (B,) float64."""
    return (predicted - target).square().flatten(1).sum(dim=1, dtype=torch.float64)


def gradient_loss(
    predicted: Tensor, target: Tensor, *, channel_sum: bool = False, signed: bool = False
) -> Tensor:
    """Difference of image gradients; Liu et al., "Future Frame Prediction", CVPR 2018, Eq. 5.

    The mean over pixels of the horizontal and the vertical part, added. A gradient is the
    difference of a pixel and its neighbour before it, the image being 0 outside.

    Args:
        predicted: (B, C, H, W).
        target: (B, C, H, W).
        channel_sum: Sum the channels first, as HF2-VAD's released code does; its gradients are
            those of one channel.
        signed: Compare signed gradients, as HF2-VAD's code does, instead of absolute ones.
    """
    total = predicted.new_zeros(())
    for axis in (-1, -2):
        ours, theirs = (_gradient(image, axis, channel_sum) for image in (predicted, target))
        difference = ours - theirs if signed else ours.abs() - theirs.abs()
        total = total + difference.abs().mean()
    return total


def _gradient(image: Tensor, axis: int, channel_sum: bool) -> Tensor:
    if channel_sum:
        image = image.sum(dim=1, keepdim=True)
    first = image.narrow(axis, 0, 1)
    return torch.cat([first, torch.diff(image, dim=axis)], dim=axis)
