"""Labels of CUHK Avenue: the official pixel masks, or a repack's file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.arrays import inside, stored_dataset
from vadbench.datasets import Labels
from vadbench.datasets.avenue import locate
from vadbench.datasets.labels.pixels import Masks
from vadbench.datasets.labels.sources import agree, label_files
from vadbench.datasets.layouts import Layout
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import AvenueSection as Section

__all__ = ["label_paths", "open_masks", "open_volume", "read_labels"]

_TRUTH = "ground_truth_demo/testing_label_mask"


def _truth(layout: Layout, root: Path) -> list[Path]:
    """The official masks, in order of the clips."""
    for base in (layout.base, layout.base.parent, root):
        files = sorted((base / _TRUTH).glob("*_label.mat"), key=lambda item: item.name.zfill(16))
        if files:
            return files
    return []


def open_masks(section: "Section", root: Path, clip: str) -> Masks | None:
    """Opens the official masks of a test clip, if they are there."""
    path = _numbered(_truth(locate(section, root), root)).get(clip.lstrip("0"))
    return (path, *open_volume(path)) if path is not None else None


def _numbered(truth: list[Path]) -> dict[str, Path]:
    """Files of masks by the number of their clip, without leading zeros."""
    return {path.name.partition("_")[0].lstrip("0"): path for path in truth}


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files that labels are read from."""
    layout = locate(section, root)
    return [*label_files(section.labels, "avenue", layout), *_truth(layout, root)]


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads frame labels from every chosen source and compares them.

    Raises:
        VadbenchError: There are none, or two sources differ; clip and frame are named.
    """
    layout = locate(section, root)
    lengths = layout.lengths()
    truth = _truth(layout, root)

    def masks() -> tuple[dict[str, npt.NDArray[np.uint8]], list[Path]]:
        by_clip = _numbered(truth)
        vectors = {}
        for clip, n_frames in lengths.items():
            path = by_clip.get(clip.lstrip("0"))
            if path is not None:
                count, mask = open_volume(path)
                if count != n_frames:
                    raise VadbenchError(
                        f"{path}: {count} masks for the {n_frames} frames of clip {clip}"
                    )
                vectors[clip] = np.array([mask(t).any() for t in range(count)], np.uint8)
        return vectors, truth

    return agree(
        str(layout.base),
        root,
        lengths,
        label_files(section.labels, "avenue", layout),
        [("Avenue's pixel masks", masks)] if section.labels in {"auto", "masks"} else [],
        f"masks in {_TRUTH}, or a label file named in config.yaml (labels)",
    )


def open_volume(path: Path) -> tuple[int, Callable[[int], npt.NDArray[np.bool_]]]:
    """Opens the masks of a clip: `volLabel` of MATLAB 5 or 7.3.

    Returns:
        How many there are, and a function that returns the mask of a frame, (H, W).

    Raises:
        VadbenchError: The file is damaged or holds no such cell; also raised by the function, which
            names the frame.
    """
    import h5py
    from scipy.io import loadmat

    def damaged(error: Exception, frame: str = "") -> VadbenchError:
        return VadbenchError(
            f"{path}:{frame} cannot be read as Avenue's masks ({error}); unpack it again"
        )

    def checked(mask: npt.NDArray[np.generic], t: int) -> npt.NDArray[np.bool_]:
        if mask.ndim != 2 or mask.dtype.kind not in "buif":
            raise damaged(ValueError(f"{mask.ndim} axes of {mask.dtype}"), f" frame {t}:")
        return mask.astype(bool)

    try:
        if not h5py.is_hdf5(path):
            cell = loadmat(path)["volLabel"].ravel()
            if cell.dtype != object:
                raise ValueError("volLabel is no cell")
            return len(cell), lambda t: checked(cell[t], t)
        with h5py.File(path) as file:
            references = stored_dataset(file, "volLabel")[()].ravel()
    except Exception as error:  # scipy and h5py raise what they like on a damaged file.
        raise damaged(error) from error

    def stored(t: int) -> npt.NDArray[np.bool_]:
        try:
            with h5py.File(path) as file:
                # MATLAB stores columns first.
                mask = np.asarray(inside(file[references[t]], "a mask")[()]).T
        except Exception as error:
            raise damaged(error, f" frame {t}:") from error
        return checked(mask, t)

    return len(references), stored
