"""Pixel masks of what is abnormal in test frames, where a data set has them.

Apart from the families' modules, which every job on frames is computed with: masks are for pictures
and pixel-level metrics only.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact
from vadbench.datasets import avenue, data_root, folder, open_source, raw_root, shanghaitech, ucsd
from vadbench.datasets.images import ImageClip
from vadbench.errors import VadbenchError
from vadbench.plain import PlainSettings

__all__ = ["Mask", "open_masks"]

Mask = Callable[[int], npt.NDArray[np.bool_]]
"""Returns the mask of a frame, (H, W)."""


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
    if source["family"] == "walkway":
        return _rendered(raw_root("walkway", dataset) / "test" / f"{clip}.h5")
    found = _find(source, clip)
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


def _rendered(path: Path) -> Mask | None:
    def mask(t: int) -> npt.NDArray[np.bool_]:
        with open_artefact(path, "scene") as scene:
            return np.asarray(scene["abnormal_mask"][t] > 0)

    return mask if path.is_file() else None


def _find(source: Mapping[str, Any], clip: str) -> tuple[Path, int, Mask] | None:
    """Looks for the masks of a clip; returns where they are, how many, and what reads one."""
    # A family's functions only ask for what its source settings and `labels` hold.
    section: Any = PlainSettings(source)
    root = data_root()
    if section.family == "ucsd":
        # Beside the clip, one image a frame.
        path = ucsd.mask_folder(section, root, clip)
        return _images(path) if path.is_dir() else None
    if section.family == "avenue":
        truth = avenue.truth_file(section, root, clip)
        return (truth, *avenue.open_volume(truth)) if truth is not None else None
    if section.family == "shanghaitech":
        path = shanghaitech.pixel_mask_file(section, root, clip)
        return _array(path) if path.is_file() else None
    if section.family == "folder" and source.get("labels"):
        own = folder.mask_path(section, root, clip)
        if own is not None:
            return _images(own) if own.is_dir() else _array(own)
    return None


def _images(path: Path) -> tuple[Path, int, Mask]:
    images = ImageClip(path, "colour")
    return path, images.n_frames, lambda t: np.asarray(images.frame(t).any(axis=-1))


def _array(path: Path) -> tuple[Path, int, Mask] | None:
    """Masks (T, H, W) in a .npy file, which is mapped: a clip's may be larger than memory."""
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
