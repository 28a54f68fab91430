"""Segmentation that others computed: COCO results with RLE masks, or a label picture per frame."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Identity
from vadbench.coco import read_results
from vadbench.datasets.images import list_frames
from vadbench.errors import VadbenchError
from vadbench.teachers.segmentation.instances import UNKNOWN, Instances, write_segmentation

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.segmentation.settings import SegmentationSettings

__all__ = ["segment_import"]

_LAST = 90
"""COCO's last category number."""
_PER_CATEGORY = 1000
"""In 16-bit pictures a pixel is category x 1000 + number of the instance (as in Cityscapes)."""


def segment_import(
    clip: "Clip",
    source: Path,
    lengths: Mapping[str, int],
    settings: "SegmentationSettings",
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the segmentation artefact of a clip from what lies at a path.

    Args:
        clip: The clip; its frames are not decoded.
        source: A `.json` of COCO results over all clips of the split (`image_id` as for boxes;
            `category_id`, `segmentation` in RLE, and optional `bbox` and `score`), or a folder
            that holds for each clip a `<clip>.json` (where a number counts the clip's own frames)
            or a folder `<clip>` of PNG pictures, one per frame in order. In an 8-bit picture a
            pixel is the COCO category, 0 background, 255 unknown, and what hangs together is an
            instance; in a 16-bit one it is category x 1000 + number of the instance.
        lengths: Number of frames of each clip of the split, in order.
        settings: For provenance.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: Something is missing, damaged, of another size, or covers other frames.
    """
    size, name = (clip.height, clip.width), str(identity.clip)
    if source.is_file():
        frames = _from_results(source, lengths, name, size)
    elif (source / f"{name}.json").is_file() and (source / name).is_dir():
        raise VadbenchError(
            f"{source}: clip {name} is there twice, as {name}.json and as a folder of pictures; "
            "keep one"
        )
    elif (source / f"{name}.json").is_file():
        frames = _from_results(source / f"{name}.json", {name: clip.n_frames}, name, size)
    elif (source / name).is_dir():
        frames = _from_pictures(source / name, clip.n_frames, size)
    else:
        raise VadbenchError(f"{source}: neither {name}.json nor a folder {name} is there")
    write_segmentation(
        frames,
        clip.n_frames,
        size,
        settings.effective(),
        identity,
        path,
        inputs=inputs,
        code=code,
    )


def _from_results(
    path: Path, lengths: Mapping[str, int], clip: str, size: tuple[int, int]
) -> Iterator[Instances]:
    by_frame: list[list[tuple[str, Any]]] = [[] for _ in range(lengths[clip])]
    for owner, frame, where, result in read_results(path, lengths):
        if owner == clip:
            by_frame[frame].append((where, result))
    for results in by_frame:
        read = [_instance(where, result, size) for where, result in results]
        # The surest lies in front.
        read.sort(key=lambda item: item[2])
        yield _instances(read, size)


def _instance(
    where: str, result: Mapping[str, Any], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], int, float, npt.NDArray[np.bool_]]:
    from pycocotools import mask as rle

    try:
        coded = dict(result["segmentation"])
        if list(coded["size"]) != list(size):
            raise VadbenchError(
                f"{where}: a mask of {coded['size']} (height, width), but the clip's frames are "
                f"{list(size)}"
            )
        if isinstance(coded["counts"], list):
            coded = rle.frPyObjects(coded, *size)
        pixels = rle.decode(coded)
        counts = coded["counts"]
        # The library takes runs that end too early or too late; those of a whole mask come back.
        if rle.encode(pixels)["counts"] != (counts.encode() if isinstance(counts, str) else counts):
            raise ValueError(f"its runs are not those of a mask of {size}")
        mask = pixels.astype(bool)
        category, score = int(result["category_id"]), float(result.get("score", 1.0))
        box = _tight(mask)
        if "bbox" in result:
            x, y, width, height = map(float, result["bbox"])
            # A mask may leave the box that a network found, and none of it is to be lost.
            low = np.minimum(box[:2], (x, y)) if mask.any() else (x, y)
            high = np.maximum(box[2:], (x + width, y + height))
            box = np.array([*low, *high], np.float32)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise VadbenchError(f"{where}: not readable as an instance in RLE ({error})") from error
    if not 1 <= category <= _LAST or not 0 <= score <= 1 or not np.isfinite(box).all():
        raise VadbenchError(
            f"{where}: category {category}, score {score}, box {box.tolist()}; expected a COCO "
            f"category of 1 to {_LAST}, a score of 0 to 1, and numbers"
        )
    return box, category, score, mask


def _from_pictures(folder: Path, n_frames: int, size: tuple[int, int]) -> Iterator[Instances]:
    from PIL import Image

    files = list_frames(folder)
    if len(files) != n_frames:
        raise VadbenchError(
            f"{folder}: {len(files)} label pictures, but the clip has {n_frames} frames"
        )
    for path in files:
        try:
            with Image.open(path) as picture:
                if picture.size[::-1] != size:
                    raise VadbenchError(
                        f"{path}: a picture of {picture.size[::-1]} (height, width), but the "
                        f"clip's frames are {size}"
                    )
                # Pillow leaves palette pictures as they are: the index is the label.
                labels = np.asarray(picture)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise VadbenchError(f"{path}: not readable as a picture ({error})") from error
        if labels.ndim != 2 or labels.dtype.kind not in "ui":
            raise VadbenchError(
                f"{path}: {labels.dtype} of shape {labels.shape}; expected labels, one channel of "
                "8 or 16 bits"
            )
        yield _instances(list(_labelled(path, labels)), size)


def _labelled(
    path: Path, labels: npt.NDArray[Any]
) -> Iterator[tuple[npt.NDArray[np.float32], int, float, npt.NDArray[np.bool_]]]:
    whole = labels.dtype == np.uint8
    for value in np.unique(labels[labels > 0]).tolist():
        category = value if whole else value // _PER_CATEGORY
        if not 1 <= category <= _LAST and not (whole and value == UNKNOWN):
            raise VadbenchError(
                f"{path}: label {value} is no COCO category of 1 to {_LAST}"
                + ("" if whole else f" x {_PER_CATEGORY} + number")
            )
        mask = (labels == value).astype(np.uint8)
        count, parts = cv2.connectedComponents(mask) if whole else (2, mask)
        for number in range(1, count):
            part = parts == number
            yield _tight(part), -1 if value == UNKNOWN and whole else category, 1.0, part


def _tight(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The smallest box x1 y1 x2 y2 that holds a mask, zeros if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _instances(
    read: Sequence[tuple[npt.NDArray[np.float32], int, float, npt.NDArray[np.bool_]]],
    size: tuple[int, int],
) -> Instances:
    boxes = np.array([item[0] for item in read], np.float32).reshape(-1, 4)
    masks = np.array([item[3] for item in read], bool).reshape(-1, *size)
    classes, scores = np.array([item[1] for item in read], int), [item[2] for item in read]
    return Instances(boxes, classes, np.array(scores, np.float64), masks)
