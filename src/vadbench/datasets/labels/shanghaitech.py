"""Labels of ShanghaiTech Campus: `testing/test_frame_mask`, or a repack's file."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.arrays import load_array
from vadbench.datasets import Labels
from vadbench.datasets.labels.pixels import Masks, masks_of_array
from vadbench.datasets.labels.sources import agree, label_files
from vadbench.datasets.layouts import Layout
from vadbench.datasets.shanghaitech import locate
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import ShanghaiTechSection as Section

__all__ = ["label_paths", "open_masks", "read_labels"]


def _masks(layout: Layout) -> list[Path]:
    return sorted((layout.test.parent / "test_frame_mask").glob("*.npy"))


def open_masks(section: "Section", root: Path, clip: str) -> Masks | None:
    """Opens the pixel masks of a test clip, if they are there."""
    path = locate(section, root).test.parent / f"test_pixel_mask/{clip}.npy"
    return masks_of_array(path) if path.is_file() else None


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files that labels and pixel masks are read from."""
    layout = locate(section, root)
    pixels = sorted((layout.test.parent / "test_pixel_mask").glob("*.npy"))
    return [*label_files(section.labels, "shanghaitech", layout), *_masks(layout), *pixels]


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
