"""ShanghaiTech Campus: training videos, test clips as folders of frames, 13 scenes.

W. Luo, W. Liu, S. Gao, "A Revisit of Sparse Coding Based Anomaly Detection in Stacked RNN
Framework", ICCV 2017.

- official: `training/videos/01_001.avi`, `testing/frames/01_0014/000.jpg`, labels
  `testing/test_frame_mask/01_0014.npy` and pixel masks `testing/test_pixel_mask/01_0014.npy`
- repacked: `training/frames/01_001/000.jpg`
"""

from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.datasets import Clip
from vadbench.datasets.layouts import REPACKED, Layout, find_layout

if TYPE_CHECKING:
    from vadbench.datasets.sections import ShanghaiTechSection as Section

__all__ = ["list_clips", "locate", "open_clip", "raw_paths"]

_PLACES = ("shanghaitech", "ShanghaiTech", "SHT")
_SPLITS = [("training/videos", "testing/frames"), REPACKED]


def locate(section: "Section", root: Path) -> Layout:
    """Returns where the data set lies.

    Raises:
        VadbenchError: It is not there; the message says where it was looked for.
    """
    return find_layout("shanghaitech", root, [section.path] if section.path else _PLACES, _SPLITS)


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    return locate(section, root).clips()


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip."""
    return locate(section, root).open(split, clip, section.colour)


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    return locate(section, root).paths()
