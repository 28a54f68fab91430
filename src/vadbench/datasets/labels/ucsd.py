"""Labels of UCSD Ped1 and Ped2: the `.m` file of the archive, pixel masks, or a repack's file."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets import Labels
from vadbench.datasets.images import decode_mask, list_frames
from vadbench.datasets.labels.pixels import Masks, masks_of_images
from vadbench.datasets.labels.sources import agree, label_files
from vadbench.datasets.layouts import relative
from vadbench.datasets.ucsd import locate
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import UCSDSection as Section

__all__ = ["label_paths", "open_masks", "read_labels"]


def open_masks(section: "Section", root: Path, clip: str) -> Masks | None:
    """Opens the masks of a test clip, which lie beside it, one image a frame."""
    folder = locate(section, root).test / f"{clip}_gt"
    return masks_of_images(folder) if folder.is_dir() else None


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files and folders of masks that labels are read from."""
    layout = locate(section, root)
    masks = (item for item in sorted(layout.test.iterdir()) if item.name.endswith("_gt"))
    return [*label_files(section.labels, section.subset, layout), *masks]


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
                images = list_frames(folder, whole=True)
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
    if len(masks) != n_frames:
        raise VadbenchError(
            f"{masks[0].parent}: {len(masks)} masks for the {n_frames} frames of clip {clip}"
        )
    labels = np.zeros(n_frames, np.uint8)
    for t, path in enumerate(masks):
        labels[t] = decode_mask(path, f"mask of clip {clip}, frame {t}").any()
    return labels
