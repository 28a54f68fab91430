"""CUHK Avenue: AVI videos as published, or folders of images as repacked.

C. Lu, J. Shi, J. Jia, "Abnormal Event Detection at 150 FPS in MATLAB", ICCV 2013.

- official: `training_videos/01.avi`, `testing_videos/01.avi`, and the ground truth
  `ground_truth_demo/testing_label_mask/1_label.mat`, a cell `volLabel` with a mask per frame
- repacked: `training/frames/01/0000.jpg`, `testing/frames/01/0000.jpg`, labels beside them
"""

from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.datasets import Clip
from vadbench.datasets.layouts import REPACKED, Layout, find_layout
from vadbench.datasets.parts import PartClip
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import AvenueSection as Section

__all__ = ["list_clips", "locate", "open_clip", "raw_paths"]

_PLACES = ("Avenue_Dataset", "Avenue Dataset", "avenue")
_SPLITS = [("training_videos", "testing_videos"), REPACKED]
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


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    layout = locate(section, root)
    return {
        f"{split}/{clip}": [path]
        for split in ("train", "test")
        for name, path in layout.sources(split).items()
        for clip in _pieces(section, split, name)
    }
