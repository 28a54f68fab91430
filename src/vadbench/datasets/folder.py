"""Your own camera: videos and folders of images below `train/` and `test/`, labels or none."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vadbench.datasets import Clip, Labels
from vadbench.datasets.images import ImageClip
from vadbench.datasets.labels import READERS
from vadbench.datasets.layouts import (
    Layout,
    agree,
    find_layout,
    list_sources,
)
from vadbench.datasets.videos import VideoClip
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import FolderSection as Section

__all__ = ["list_clips", "open_clip", "raw_state", "read_labels"]


def _layout(section: "Section", root: Path) -> Layout:
    return find_layout("folder", root, [section.path], [("train", "test")])


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    return _layout(section, root).clips()


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip."""
    folder = _layout(section, root).folder(split)
    path = list_sources(folder).get(clip, folder / clip)
    return ImageClip(path) if path.is_dir() else VideoClip(path, section.size)


def _label_file(section: "Section", layout: Layout) -> list[Path]:
    if section.labels is None:
        return []
    path = layout.base / section.labels
    if not path.is_file():
        raise VadbenchError(f"{path}: no such label file; expected one of {', '.join(READERS)}")
    return [path]


def raw_state(section: "Section", root: Path) -> dict[str, str]:
    """Returns a fingerprint of names, sizes and times for each clip, and for the label file."""
    layout = _layout(section, root)
    return layout.state(_label_file(section, layout))


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads the label file, if there is one.

    Raises:
        VadbenchError: It is missing, damaged, or does not fit the clips.
    """
    layout = _layout(section, root)
    lengths = layout.lengths()
    if section.labels is None:
        unknown = {clip: np.zeros(count, np.uint8) for clip, count in lengths.items()}
        return Labels("none", "", unknown, known=False)
    files = _label_file(section, layout)
    return agree(str(layout.base), root, lengths, files, [], "a label file (labels)")
