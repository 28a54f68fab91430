"""UCSD Ped1 and Ped2, in the official archive's layout and in the repacked one.

V. Mahadevan, W. Li, V. Bhalodia, N. Vasconcelos, "Anomaly Detection in Crowded Scenes", CVPR 2010.

- official: `Train/Train001/001.tif`, `Test/Test001/001.tif`, masks `Test/Test001_gt/001.bmp`, frame
  labels `Test/UCSDped2.m`
- repacked, as most code for video anomaly detection has it: `training/frames/01/000.jpg`,
  `testing/frames/01/000.jpg`, labels beside them
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets import Clip, Labels
from vadbench.datasets.images import decode, list_frames
from vadbench.datasets.layouts import (
    REPACKED,
    Layout,
    agree,
    find_layout,
    label_files,
    relative,
)
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import UCSDSection as Section

__all__ = [
    "label_paths",
    "list_clips",
    "locate",
    "mask_folder",
    "open_clip",
    "raw_paths",
    "read_labels",
]

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


def mask_folder(section: "Section", root: Path, clip: str) -> Path:
    """Returns where a test clip's masks lie, one image a frame, if they are there."""
    return locate(section, root).test / f"{clip}_gt"


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files and folders of masks that labels are read from."""
    layout = locate(section, root)
    masks = (item for item in sorted(layout.test.iterdir()) if item.name.endswith("_gt"))
    return [*label_files(section.labels, section.subset, layout), *masks]


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
        vectors, paths = {}, []
        for clip, n_frames in lengths.items():
            folder = layout.test / f"{clip}_gt"
            if folder.is_dir():
                images = list_frames(folder)
                vectors[clip] = _labels_of_masks(images, clip, n_frames)
                paths += images
        return vectors, paths

    by_mask = [(f"{relative(layout.test / '*_gt', root)} (pixel masks)", masks)]
    return agree(
        str(layout.base),
        root,
        lengths,
        label_files(section.labels, section.subset, layout),
        by_mask if section.labels in {"auto", "masks"} else [],
        f"{section.subset}'s .m file, masks in <clip>_gt folders, or a label file named in "
        "config.yaml (labels)",
    )


def _labels_of_masks(masks: list[Path], clip: str, n_frames: int) -> npt.NDArray[np.uint8]:
    import cv2

    if len(masks) != n_frames:
        raise VadbenchError(
            f"{masks[0].parent}: {len(masks)} masks for the {n_frames} frames of clip {clip}"
        )
    labels = np.zeros(n_frames, np.uint8)
    for t, path in enumerate(masks):
        mask = decode(path, cv2.IMREAD_GRAYSCALE, f"mask of clip {clip}, frame {t}")
        labels[t] = bool(mask.any())
    return labels
