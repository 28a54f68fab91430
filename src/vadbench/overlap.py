"""Overlap of boxes."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["intersection_over_union"]


def intersection_over_union(
    first: npt.NDArray[Any], second: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Returns the intersection over union of boxes, 0 to 1; of boxes without area it is 0.

    Args:
        first: (..., 4) x1 y1 x2 y2.
        second: (..., 4), of the same or a broadcastable shape.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., 2:], other[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = np.prod(one[..., 2:] - one[..., :2], -1) + np.prod(other[..., 2:] - other[..., :2], -1)
    union = areas - shared
    ratio: npt.NDArray[np.float64] = np.where(union > 0, shared / np.where(union > 0, union, 1), 0)
    return ratio
