"""Labels of your own clips: a file, a folder of masks, or none."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.arrays import load_array
from vadbench.datasets import Labels
from vadbench.datasets.folder import locate
from vadbench.datasets.images import list_frames
from vadbench.datasets.labels import READERS
from vadbench.datasets.labels.pixels import Masks, masks_of_array, masks_of_images
from vadbench.datasets.labels.sources import agree
from vadbench.datasets.layouts import Layout
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import FolderSection as Section

__all__ = ["label_paths", "open_masks", "read_labels"]


def _mask_folder(section: "Section", layout: Layout) -> Path | None:
    """The folder of masks, where labels are one."""
    folder = layout.base / section.labels if section.labels else None
    return folder if folder is not None and folder.is_dir() else None


def _mask_path(section: "Section", root: Path, clip: str) -> Path | None:
    """Returns the folder of images, or the .npy file, of a test clip's masks, if there is one.

    Raises:
        VadbenchError: There are both.
    """
    folder = _mask_folder(section, locate(section, root))
    if folder is None:
        return None
    images, array = folder / clip, folder / f"{clip}.npy"
    if images.is_dir() and array.is_file():
        raise VadbenchError(f"{folder}: masks of clip {clip} are there twice; keep {clip} or .npy")
    return images if images.is_dir() else array if array.is_file() else None


def open_masks(section: "Section", root: Path, clip: str) -> Masks | None:
    """Opens the masks of a test clip, if labels are masks.

    Raises:
        VadbenchError: They are there twice.
    """
    path = _mask_path(section, root, clip)
    if path is None:
        return None
    return masks_of_images(path) if path.is_dir() else masks_of_array(path)


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the label file, or the masks of each clip, if there are labels.

    Raises:
        VadbenchError: The file is missing.
    """
    if section.labels is None:
        return []
    layout = locate(section, root)
    folder = _mask_folder(section, layout)
    if folder is not None:
        return [item for item in sorted(folder.iterdir()) if not item.name.startswith(".")]
    path = layout.base / section.labels
    if not path.is_file():
        raise VadbenchError(
            f"{path}: no such label file; expected one of {', '.join(READERS)}, or a "
            "folder of masks"
        )
    return [path]


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads the label file or the masks, if there are any.

    Raises:
        VadbenchError: They are missing, damaged, or do not fit the clips.
    """
    layout = locate(section, root)
    lengths = layout.lengths()
    if section.labels is None:
        unknown = {clip: np.zeros(count, np.uint8) for clip, count in lengths.items()}
        return Labels("none", "", unknown, known=False)
    paths = label_paths(section, root)
    if _mask_folder(section, layout) is None:
        return agree(str(layout.base), root, lengths, paths, [], "a label file (labels)")
    for path in paths:
        if (path.name if path.is_dir() else path.stem) not in lengths:
            raise VadbenchError(f"{path}: masks of a clip that is not in {layout.test}")

    def masks() -> tuple[dict[str, npt.NDArray[np.uint8]], list[Path]]:
        vectors, files = {}, []
        for clip, n_frames in lengths.items():
            path = _mask_path(section, root, clip)
            if path is not None:
                vectors[clip], used = _labels_of_masks(path, clip, n_frames)
                files += used
        return vectors, files

    folder = f"{section.path}/{section.labels}"
    expected = f"masks of every test clip, {folder}/<clip>/0000.png or {folder}/<clip>.npy"
    return agree(str(layout.base), root, lengths, [], [(folder, masks)], expected)


def _labels_of_masks(
    path: Path, clip: str, n_frames: int
) -> tuple[npt.NDArray[np.uint8], list[Path]]:
    """Returns which frames have a mask that is not empty, (T,) uint8, and the files read."""
    if path.is_dir():
        files = list_frames(path)
        _, count, mask = masks_of_images(path)
        vector = np.array([mask(t).any() for t in range(count)], np.uint8)
    else:
        values = load_array(path)
        if values.dtype.kind not in "bui" or values.ndim not in {1, 3}:
            raise VadbenchError(
                f"{path}: clip {clip}: {values.ndim} axes of {values.dtype}; expected masks (T, H, "
                "W) or labels (T,), whole numbers"
            )
        if values.ndim == 1 and len(wrong := np.flatnonzero(~np.isin(values, [0, 1]))):
            raise VadbenchError(
                f"{path}: clip {clip}, frame {wrong[0]}: label {values[wrong[0]]}, expected 0 or 1"
            )
        count, files = len(values), [path]
        vector = np.asarray(values.reshape(count, -1).any(axis=1), np.uint8)
    if count != n_frames:
        raise VadbenchError(f"{path}: {count} masks for the {n_frames} frames of clip {clip}")
    return vector, files
