"""Pointwise layers that do not take longer on a processor than the convolution behind them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["dropout", "elu"]


def dropout(features: Tensor, share: float) -> Tensor:
    """Sets a share of the values to 0 and scales the others to keep the mean.

    PyTorch draws on processors one number after the other, in double precision; here 16 random
    bits decide on each value, so the share is that of the nearest multiple of 1/65536. The bits
    are a function of the state of PyTorch's generator.

    Args:
        features: Dense, of any shape and memory layout.
        share: 0 to 1.
    """
    if features.device.type != "cpu":
        return F.dropout(features, share)
    count, dropped = features.numel(), round(share * 65536)
    seed = int(torch.randint(2**63 - 1, ()))
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    kept = (torch.from_numpy(bits) >= dropped - 32768).to(features.dtype)
    kept *= 65536 / (65536 - dropped)
    return features * kept.as_strided(features.shape, features.stride())


class _HalfElu(torch.autograd.Function):
    """ELU whose gradient is read off its result, as x > 0: 1, else result + 1.

    PyTorch's computes exp(x) anew in the backward pass, which takes three times as long.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        result = F.elu(features)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        return torch.ops.aten.elu_backward(gradients[0], 1.0, 1.0, 1.0, True, result)


def elu(features: Tensor) -> Tensor:
    """max(x, exp(x) - 1), of any shape."""
    if features.device.type != "cpu" or features.dtype != torch.bfloat16:
        return F.elu(features)
    result: Tensor = _HalfElu.apply(features)
    return result
