"""Pixel masks of a clip, as images or as an array."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vadbench.datasets.images import decode_mask, list_frames
from vadbench.errors import VadbenchError

__all__ = ["Mask", "Masks", "masks_of_array", "masks_of_images"]

Mask = Callable[[int], npt.NDArray[np.bool_]]
"""Returns the mask of a frame, (H, W)."""
Masks = tuple[Path, int, Mask]
"""Where the masks of a clip are, how many, and what reads one."""


def masks_of_images(path: Path) -> Masks:
    """Returns the masks of a folder with one image a frame, black where nothing is abnormal."""
    files = list_frames(path)
    what = f"mask of clip {path.name}, frame"
    return path, len(files), lambda t: decode_mask(files[t], f"{what} {t}")


def masks_of_array(path: Path) -> Masks | None:
    """Returns the masks (T, H, W) of a .npy file, None if it holds labels of frames, (T,).

    It is mapped: a clip's may be larger than memory.

    Raises:
        VadbenchError: The file is damaged or holds anything else.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise VadbenchError(
            f"{path}: cannot be read as masks ({error}); copy or download it again"
        ) from error
    if values.ndim == 1:
        return None  # Labels of frames.
    if values.ndim != 3 or values.dtype.kind not in "buif":
        raise VadbenchError(
            f"{path}: holds {values.ndim} axes of {values.dtype}; expected masks (T, H, W)"
        )
    return path, len(values), lambda t: np.asarray(values[t] > 0)
