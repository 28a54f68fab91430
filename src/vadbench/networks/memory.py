"""Memory module of memory-augmented autoencoders.

Gong et al., "Memorizing Normality to Detect Anomaly", ICCV 2019, in HF2-VAD's form (Liu et al.,
ICCV 2021, Sec. 3.1): one query per sample, the whole flattened feature map, compared by dot
product. MemAE itself has one query per position.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Memory", "hard_shrink"]


def hard_shrink(weights: Tensor, threshold: float) -> Tensor:
    """Sets addressing weights (B, N) up to `threshold` to 0 and rescales rows to sum 1."""
    over = weights - threshold
    kept = torch.relu(over) * weights / (over.abs() + 1e-12)
    return kept / kept.sum(dim=1, keepdim=True).clamp_min(1e-12)


class Memory(nn.Module):
    """Replaces a feature map by a sparse convex combination of learned slots.

    Args:
        slots: Number N of slots.
        width: Size of a flattened feature map, C x H x W.
        threshold: Hard shrinkage; 1/N if None (HF2-VAD: 0.0005 for 2000 slots).
    """

    def __init__(self, slots: int, width: int, threshold: float | None = None) -> None:
        super().__init__()
        self.threshold = 1.0 / slots if threshold is None else threshold
        self.slots = nn.Parameter(torch.empty(slots, width))
        bound = 1.0 / math.sqrt(width)
        nn.init.uniform_(self.slots, -bound, bound)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Reads the memory.

        Args:
            features: (B, C, H, W).

        Returns:
            What is read, (B, C, H, W), and the addressing weights, (B, N).
        """
        query = features.flatten(1)
        logits = F.linear(query, self.slots)
        weights = hard_shrink(torch.softmax(logits.float(), dim=1), self.threshold)
        read: Tensor = _Read.apply(weights, self.slots, query.dtype)
        return read.view_as(features), weights


class _Read(torch.autograd.Function):
    """Weights (B, N) times slots (N, C), over the slots that some query of the batch addresses.

    After hard shrinkage most weights are exactly 0: those slots add nothing to what is read, and
    neither they nor their weights get a gradient. Training soon leaves a few slots in use.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, slots: Tensor, dtype: torch.dtype) -> Tensor:
        used = torch.nonzero((weights > 0).any(dim=0)).squeeze(1)
        address, rows = weights[:, used].to(dtype), slots[used].to(dtype)
        ctx.save_for_backward(address, rows, used)
        ctx.weights, ctx.slots = weights.dtype, (slots.dtype, slots.shape)
        return address @ rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        address, rows, used = ctx.saved_tensors
        (gradient,) = gradients
        dtype, shape = ctx.slots
        of_weights = of_slots = None
        if ctx.needs_input_grad[0]:
            of_weights = gradient.new_zeros((len(gradient), shape[0]), dtype=ctx.weights)
            of_weights[:, used] = (gradient @ rows.T).to(ctx.weights)
        if ctx.needs_input_grad[1]:
            values = (address.T @ gradient).to(dtype)
            # Added to the dense gradient of the logits; a dense one here would be mostly zeros.
            of_slots = torch.sparse_coo_tensor(
                used[None], values, shape, is_coalesced=True, check_invariants=False
            )
        return of_weights, of_slots, None
