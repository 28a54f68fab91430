"""Your own camera: videos and folders of images below `train/` and `test/`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.datasets import Clip
from vadbench.datasets.layouts import Layout, find_layout

if TYPE_CHECKING:
    from vadbench.datasets.sections import FolderSection as Section

__all__ = ["list_clips", "locate", "open_clip", "raw_paths"]


def locate(section: "Section", root: Path) -> Layout:
    """Returns where the data set lies.

    Raises:
        VadbenchError: It is not there; the message says where it was looked for.
    """
    layout = find_layout("the folder of clips", root, [section.path], [("train", "test")])
    # A clip may be cut out of a longer recording, and its images keep their numbers.
    return replace(layout, whole=False)


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    return locate(section, root).clips()


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip."""
    return locate(section, root).open(split, clip, section.colour, section.size)


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    return locate(section, root).paths()
