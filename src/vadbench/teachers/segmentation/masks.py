"""Instance masks as packed bits inside their integer boxes."""

import math

import numpy as np
import numpy.typing as npt

__all__ = ["mask_window", "pack_mask", "unpack_mask"]


def mask_window(box: npt.ArrayLike, height: int, width: int) -> tuple[int, int, int, int]:
    """Returns the integer window x1, y1, x2, y2 (exclusive) that holds a box."""
    x1, y1, x2, y2 = np.asarray(box, np.float64)
    return (
        max(0, math.floor(x1)),
        max(0, math.floor(y1)),
        min(width, math.ceil(x2)),
        min(height, math.ceil(y2)),
    )


def pack_mask(mask: npt.NDArray[np.bool_], box: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Packs the part of a mask (H, W) that lies in its box."""
    x1, y1, x2, y2 = mask_window(box, *mask.shape)
    return np.packbits(mask[y1:y2, x1:x2])


def unpack_mask(
    bits: npt.NDArray[np.uint8], box: npt.ArrayLike, height: int, width: int
) -> npt.NDArray[np.bool_]:
    """Returns the mask (H, W) that `pack_mask` packed."""
    x1, y1, x2, y2 = mask_window(box, height, width)
    mask = np.zeros((height, width), bool)
    count = (y2 - y1) * (x2 - x1)
    mask[y1:y2, x1:x2] = np.unpackbits(bits, count=count).reshape(y2 - y1, x2 - x1)
    return mask
