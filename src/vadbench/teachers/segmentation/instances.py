"""Instances of a frame, and the artefact that holds those of a clip, whatever found them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.teachers.segmentation.masks import pack_mask

__all__ = ["UNKNOWN", "Instances", "write_segmentation"]

UNKNOWN = 255
"""Value in the class map of an object whose class is not known (-1)."""


@dataclass(frozen=True)
class Instances:
    """N instances of a frame, those behind before those in front of them.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels.
        classes: (N,) COCO category, -1 where it is not known.
        scores: (N,) confidence, 0 to 1.
        masks: (N, H, W) bool.
        track_ids: (N,) number of the track, -1 where it is not known; None: of all.
    """

    boxes: npt.NDArray[np.float32]
    classes: npt.NDArray[np.integer[Any]]
    scores: npt.NDArray[np.floating[Any]]
    masks: npt.NDArray[np.bool_]
    track_ids: npt.NDArray[np.integer[Any]] | None = None


def write_segmentation(
    frames: Iterable[Instances],
    n_frames: int,
    size: tuple[int, int],
    settings: Mapping[str, Any],
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the segmentation artefact of a clip, a frame at a time.

    Args:
        frames: Instances of each frame.
        n_frames: Frames of the clip.
        size: Height and width of the frames.
        settings: What found them.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.
    """
    offsets, sizes = [0], [0]
    parts: dict[str, list[Any]] = {"boxes": [], "classes": [], "scores": [], "track_ids": []}
    with ArtefactWriter(
        path, "segmentation", identity, n_frames, settings=settings, inputs=inputs, code=code
    ) as writer:
        for found in frames:
            class_map = np.zeros(size, np.uint8)
            for mask, box, category in zip(found.masks, found.boxes, found.classes, strict=True):
                class_map[mask] = UNKNOWN if category < 0 else category
                bits = pack_mask(mask, box)
                sizes.append(len(bits))
                writer.append("mask_bits", bits)
            writer.append("class_map", class_map[None])
            count = len(found.boxes)
            offsets.append(offsets[-1] + count)
            tracks = np.full(count, -1) if found.track_ids is None else found.track_ids
            for name, values in (
                ("boxes", found.boxes),
                ("classes", found.classes),
                ("scores", found.scores),
                ("track_ids", tracks),
            ):
                parts[name].append(values)
        writer.append("mask_bits", np.zeros(0, np.uint8))
        writer.put("mask_offsets", np.cumsum(sizes))
        writer.put("frame_offsets", offsets)
        for name, arrays in parts.items():
            writer.put(name, np.concatenate(arrays))
