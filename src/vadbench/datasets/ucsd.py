"""UCSD Ped1 and Ped2, in the official archive's layout and in the repacked one.

V. Mahadevan, W. Li, V. Bhalodia, N. Vasconcelos, "Anomaly Detection in Crowded Scenes", CVPR 2010.

- official: `Train/Train001/001.tif`, `Test/Test001/001.tif`, masks `Test/Test001_gt/001.bmp`, frame
  labels `Test/UCSDped2.m`
- repacked, as most code for video anomaly detection has it: `training/frames/01/000.jpg`,
  `testing/frames/01/000.jpg`, labels beside them
"""

from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.datasets import Clip
from vadbench.datasets.layouts import REPACKED, Layout, find_layout

if TYPE_CHECKING:
    from vadbench.datasets.sections import UCSDSection as Section

__all__ = ["list_clips", "locate", "open_clip", "raw_paths"]

_PLACES = {
    "ped1": ("UCSDped1", "UCSD_Anomaly_Dataset.v1p2/UCSDped1", "ped1"),
    "ped2": ("UCSDped2", "UCSD_Anomaly_Dataset.v1p2/UCSDped2", "ped2"),
}


def locate(section: "Section", root: Path) -> Layout:
    """Returns where the data set lies.

    Raises:
        VadbenchError: It is not there; the message says where it was looked for.
    """
    places = [section.path] if section.path else _PLACES[section.subset]
    return find_layout(section.subset, root, places, [("Train", "Test"), REPACKED])


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    return locate(section, root).clips()


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip of image files, or a video of a repack."""
    return locate(section, root).open(split, clip, section.colour)


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    return locate(section, root).paths()
