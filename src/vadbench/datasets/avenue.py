"""CUHK Avenue: AVI videos as published, or folders of images as repacked.

C. Lu, J. Shi, J. Jia, "Abnormal Event Detection at 150 FPS in MATLAB", ICCV 2013.

- official: `training_videos/01.avi`, `testing_videos/01.avi`, and the ground truth
  `ground_truth_demo/testing_label_mask/1_label.mat`, a cell `volLabel` with a mask per frame
- repacked: `training/frames/01/0000.jpg`, `testing/frames/01/0000.jpg`, labels beside them
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets import Clip, Labels
from vadbench.datasets.layouts import (
    REPACKED,
    Layout,
    agree,
    find_layout,
    label_files,
    list_sources,
    open_path,
    stat_digest,
)
from vadbench.datasets.parts import PartClip
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import AvenueSection as Section

__all__ = ["list_clips", "open_clip", "raw_state", "read_labels"]

_PLACES = ("Avenue_Dataset", "Avenue Dataset", "avenue")
_SPLITS = [("training_videos", "testing_videos"), REPACKED]
_TRUTH = "ground_truth_demo/testing_label_mask"
_CUTS = {"02": [(0, 310), (522, 770), (832, -1)], "04": [(0, 1459)], "07": [(0, 740), (901, -1)]}
"""What HF2-VAD's 19 training clips keep of three of the 16, inclusive; -1 is the end."""


def _layout(section: "Section", root: Path) -> Layout:
    return find_layout("avenue", root, [section.path] if section.path else _PLACES, _SPLITS)


def _pieces(section: "Section", split: str, name: str) -> dict[str, tuple[int, int] | None]:
    """The clips that a published clip becomes, and what they keep of it; None for all."""
    if split == "test" or section.training == "official" or name not in _CUTS:
        return {name: None}
    return {f"{name}_{first:04d}": (first, last) for first, last in _CUTS[name]}


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    layout = _layout(section, root)
    return {
        split: [
            clip
            for name in list_sources(layout.folder(split))
            for clip in _pieces(section, split, name)
        ]
        for split in ("train", "test")
    }


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip."""
    folder = _layout(section, root).folder(split)
    name = clip.partition("_")[0] if section.training == "avenue19" and split == "train" else clip
    opened = open_path(list_sources(folder).get(name, folder / name))
    kept = _pieces(section, split, name).get(clip)
    if kept is None:
        return opened
    first, last = kept
    if opened.n_frames <= max(first, last):
        raise VadbenchError(
            f"{folder / name}: has {opened.n_frames} frames, too few to leave out what the 19 "
            "training clips leave out; is it Avenue's training clip?"
        )
    return PartClip(opened, first, last if last >= 0 else opened.n_frames - 1)


def _truth(layout: Layout, root: Path) -> list[Path]:
    """The official masks, in order of the clips."""
    for base in (layout.base, layout.base.parent, root):
        files = sorted((base / _TRUTH).glob("*_label.mat"), key=lambda item: item.name.zfill(16))
        if files:
            return files
    return []


def raw_state(section: "Section", root: Path) -> dict[str, str]:
    """Returns a fingerprint of names, sizes and times for each clip, and for the label files."""
    layout = _layout(section, root)
    state = {
        f"{split}/{clip}": stat_digest([path])
        for split in ("train", "test")
        for name, path in list_sources(layout.folder(split)).items()
        for clip in _pieces(section, split, name)
    }
    files = label_files(section.labels, "avenue", layout)
    state["labels"] = stat_digest([*files, *_truth(layout, root)])
    return state


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads frame labels from every chosen source and compares them.

    Raises:
        VadbenchError: There are none, or two sources differ; clip and frame are named.
    """
    layout = _layout(section, root)
    lengths = layout.lengths()
    truth = _truth(layout, root)

    def masks() -> tuple[dict[str, npt.NDArray[np.uint8]], list[Path]]:
        by_number = {int(path.name.partition("_")[0]): path for path in truth}
        vectors = {}
        for clip, n_frames in lengths.items():
            path = by_number.get(int(clip)) if clip.isdecimal() else None
            if path is not None:
                vectors[clip] = read_volume(path)
                if len(vectors[clip]) != n_frames:
                    raise VadbenchError(
                        f"{path}: {len(vectors[clip])} masks for the {n_frames} frames of clip "
                        f"{clip}"
                    )
        return vectors, truth

    return agree(
        str(layout.base),
        root,
        lengths,
        label_files(section.labels, "avenue", layout),
        [("Avenue's pixel masks", masks)] if section.labels in {"auto", "masks"} else [],
        f"masks in {_TRUTH}, or a label file named in config.yaml (labels)",
    )


def read_volume(path: Path) -> npt.NDArray[np.uint8]:
    """Reads which frames of a clip have a mask: `volLabel` of MATLAB 5 or 7.3.

    Returns:
        (T,) uint8.

    Raises:
        VadbenchError: The file is damaged or holds no such cell.
    """
    import h5py
    from scipy.io import loadmat

    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                cell = file["volLabel"]
                return np.array([np.any(file[entry][()]) for entry in cell[()].ravel()], np.uint8)
        return np.array([np.any(mask) for mask in loadmat(path)["volLabel"].ravel()], np.uint8)
    except Exception as error:  # scipy and h5py raise what they like on a damaged file.
        raise VadbenchError(
            f"{path}: cannot be read as Avenue's masks ({error}); unpack it again"
        ) from error
