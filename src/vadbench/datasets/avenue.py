"""CUHK Avenue: AVI videos as published, or folders of images as repacked.

C. Lu, J. Shi, J. Jia, "Abnormal Event Detection at 150 FPS in MATLAB", ICCV 2013.

- official: `training_videos/01.avi`, `testing_videos/01.avi`, and the ground truth
  `ground_truth_demo/testing_label_mask/1_label.mat`, a cell `volLabel` with a mask per frame
- repacked: `training/frames/01/0000.jpg`, `testing/frames/01/0000.jpg`, labels beside them
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.arrays import inside, stored_dataset
from vadbench.datasets import Clip, Labels
from vadbench.datasets.layouts import (
    REPACKED,
    Layout,
    agree,
    find_layout,
    label_files,
)
from vadbench.datasets.parts import PartClip
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import AvenueSection as Section

__all__ = [
    "label_paths",
    "list_clips",
    "locate",
    "open_clip",
    "open_volume",
    "raw_paths",
    "read_labels",
    "truth_file",
]

_PLACES = ("Avenue_Dataset", "Avenue Dataset", "avenue")
_SPLITS = [("training_videos", "testing_videos"), REPACKED]
_TRUTH = "ground_truth_demo/testing_label_mask"
_CUTS = {"02": [(0, 310), (522, 770), (832, -1)], "04": [(0, 1459)], "07": [(0, 740), (901, -1)]}
"""What HF2-VAD's 19 training clips keep of three of the 16, inclusive; -1 is the end."""


def locate(section: "Section", root: Path) -> Layout:
    """Returns where the data set lies.

    Raises:
        VadbenchError: It is not there; the message says where it was looked for.
    """
    return find_layout("avenue", root, [section.path] if section.path else _PLACES, _SPLITS)


def _pieces(section: "Section", split: str, name: str) -> dict[str, tuple[int, int] | None]:
    """The clips that a published clip becomes, and what they keep of it; None for all."""
    if split == "test" or section.training == "official" or name not in _CUTS:
        return {name: None}
    return {f"{name}_{first:04d}": (first, last) for first, last in _CUTS[name]}


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    layout = locate(section, root)
    return {
        split: [clip for name in layout.sources(split) for clip in _pieces(section, split, name)]
        for split in ("train", "test")
    }


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip."""
    layout = locate(section, root)
    name = clip.partition("_")[0] if section.training == "avenue19" and split == "train" else clip
    opened = layout.open(split, name, section.colour)
    kept = _pieces(section, split, name).get(clip)
    if kept is None:
        return opened
    first, last = kept
    if opened.n_frames <= max(first, last):
        raise VadbenchError(
            f"{layout.folder(split) / name}: has {opened.n_frames} frames, too few "
            "to leave out what the 19 training clips leave out; is it Avenue's training clip?"
        )
    return PartClip(opened, first, last if last >= 0 else opened.n_frames - 1)


def _truth(layout: Layout, root: Path) -> list[Path]:
    """The official masks, in order of the clips."""
    for base in (layout.base, layout.base.parent, root):
        files = sorted((base / _TRUTH).glob("*_label.mat"), key=lambda item: item.name.zfill(16))
        if files:
            return files
    return []


def truth_file(section: "Section", root: Path, clip: str) -> Path | None:
    """Returns the file that holds a test clip's masks, if there is one."""
    return _numbered(_truth(locate(section, root), root)).get(clip.lstrip("0"))


def _numbered(truth: list[Path]) -> dict[str, Path]:
    """Files of masks by the number of their clip, without leading zeros."""
    return {path.name.partition("_")[0].lstrip("0"): path for path in truth}


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files that labels are read from."""
    layout = locate(section, root)
    return [*label_files(section.labels, "avenue", layout), *_truth(layout, root)]


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    layout = locate(section, root)
    return {
        f"{split}/{clip}": [path]
        for split in ("train", "test")
        for name, path in layout.sources(split).items()
        for clip in _pieces(section, split, name)
    }


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
