"""ShanghaiTech Campus: training videos, test clips as folders of frames, 13 scenes.

W. Luo, W. Liu, S. Gao, "A Revisit of Sparse Coding Based Anomaly Detection in Stacked RNN
Framework", ICCV 2017.

- official: `training/videos/01_001.avi`, `testing/frames/01_0014/000.jpg`, labels
  `testing/test_frame_mask/01_0014.npy` and pixel masks `testing/test_pixel_mask/01_0014.npy`
- repacked: `training/frames/01_001/000.jpg`
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.arrays import load_array
from vadbench.datasets import Clip, Labels
from vadbench.datasets.layouts import (
    REPACKED,
    Layout,
    agree,
    find_layout,
    label_files,
)
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import ShanghaiTechSection as Section

__all__ = [
    "label_paths",
    "list_clips",
    "locate",
    "open_clip",
    "pixel_mask_file",
    "raw_paths",
    "read_labels",
]

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


def _masks(layout: Layout) -> list[Path]:
    return sorted((layout.test.parent / "test_frame_mask").glob("*.npy"))


def pixel_mask_file(section: "Section", root: Path, clip: str) -> Path:
    """Returns where a test clip's pixel masks lie, (T, H, W), if they are there."""
    return locate(section, root).test.parent / f"test_pixel_mask/{clip}.npy"


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files that labels are read from."""
    layout = locate(section, root)
    return [*label_files(section.labels, "shanghaitech", layout), *_masks(layout)]


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    return locate(section, root).paths()


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads frame labels from every chosen source and compares them.

    Raises:
        VadbenchError: There are none, or two sources differ; clip and frame are named.
    """
    layout = locate(section, root)
    lengths = layout.lengths()

    def masks() -> tuple[dict[str, npt.NDArray[np.uint8]], list[Path]]:
        files = {path.stem: path for path in _masks(layout)}
        vectors = {}
        for clip, n_frames in lengths.items():
            if clip in files:
                vector = load_array(files[clip]).ravel()
                if len(vector) != n_frames or not np.isin(vector, [0, 1]).all():
                    raise VadbenchError(
                        f"{files[clip]}: expected {n_frames} labels of 0 or 1 for clip {clip}, "
                        f"found {len(vector)} values"
                    )
                vectors[clip] = vector.astype(np.uint8)
        return vectors, list(files.values())

    return agree(
        str(layout.base),
        root,
        lengths,
        label_files(section.labels, "shanghaitech", layout),
        [("testing/test_frame_mask", masks)] if section.labels in {"auto", "masks"} else [],
        "testing/test_frame_mask/<clip>.npy, or a label file named in config.yaml (labels)",
    )
