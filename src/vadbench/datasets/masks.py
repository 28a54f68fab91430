"""Pixel masks of what is abnormal in test frames, where a data set has them.

A family's module in `labels/` opens them: masks are for pictures and pixel-level metrics only, and
no job on frames is computed with them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.datasets import label_module, open_source, raw_root
from vadbench.datasets.labels.pixels import Mask
from vadbench.errors import VadbenchError
from vadbench.plain import PlainSettings

__all__ = ["Mask", "open_masks"]


def open_masks(source: Mapping[str, Any], dataset: str, clip: str) -> Mask | None:
    """Opens the masks of a test clip.

    Args:
        source: The data set's source settings (see `open_source`) and its key `labels`.
        dataset: Its name in the configuration.
        clip: The test clip.

    Returns:
        None where the data set has no masks of the clip. Masks have the size of the clip's frames,
        also where these are resized.

    Raises:
        VadbenchError: There is not one mask a frame; or one cannot be read or has another shape
            than the frame, raised when it is asked for, with file and frame.
    """
    # A family's functions only ask for what its source settings and `labels` hold.
    section: Any = PlainSettings({"labels": None} | dict(source))
    find = getattr(label_module(section.family), "open_masks", None)
    found = None if find is None else find(section, raw_root(section.family, dataset), clip)
    if found is None:
        return None
    path, count, read = found
    frames = open_source(source, dataset, "test", clip)
    if count != frames.n_frames:
        raise VadbenchError(
            f"{path}: {count} masks for the {frames.n_frames} frames of clip {clip}"
        )

    def mask(t: int) -> npt.NDArray[np.bool_]:
        return _fitted(read(t), (frames.height, frames.width), f"{path}: clip {clip}, frame {t}")

    return mask


def _fitted(
    mask: npt.NDArray[np.bool_], size: tuple[int, int], where: str
) -> npt.NDArray[np.bool_]:
    """Brings a mask to the size of a frame that is the same picture in another size."""
    import cv2

    height, width = size
    if mask.shape == size:
        return mask
    if 0 in mask.shape or abs(mask.shape[1] / mask.shape[0] - width / height) > 0.05:
        raise VadbenchError(
            f"{where}: the mask is {mask.shape[1]} x {mask.shape[0]}, which is no other size of a "
            f"frame of {width} x {height}; masks and frames are not of the same data set"
        )
    resized = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized > 0)
