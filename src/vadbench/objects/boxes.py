"""Boxes of the objects in every frame: of instances, of motion, both, imported, or the frame's.

VEC's procedure (Yu et al., ACM MM 2020, Sec. 3.1), which HF2-VAD uses with the same constants.
Boxes are x1 y1 x2 y2 in pixels, x2 and y2 exclusive of the last pixel's far edge.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Artefact, ArtefactWriter, Identity
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets import Clip

__all__ = [
    "FRAME",
    "IMPORTED",
    "INSTANCE",
    "MOTION",
    "cover_filter",
    "find_objects",
    "motion_boxes",
]

Boxes = npt.NDArray[np.float32]
INSTANCE, MOTION, IMPORTED, FRAME = range(4)
_SOURCES = {"import": IMPORTED, "frame": FRAME}
_DILATION = 2  # pixels by which instance boxes hide motion, and motion boxes are extended
_MAX_ASPECT = 10.0


def cover_filter(boxes: Boxes, threshold: float) -> npt.NDArray[np.intp]:
    """Returns indices of the boxes that no larger box covers, smallest first.

    Box i goes if some box that comes after it in ascending order of area covers more than
    `threshold` of i's own area. This is no non-maximum suppression: a box may be dropped because
    of one that is dropped itself.

    Args:
        boxes: (N, 4) float32.
        threshold: Share of a box's area.
    """
    order = np.argsort(_areas(boxes), kind="stable")
    ranked = boxes[order]
    low = np.maximum(ranked[:, None, :2], ranked[None, :, :2])
    high = np.minimum(ranked[:, None, 2:], ranked[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    covered = shared > threshold * _areas(ranked)[:, None]
    return order[~np.triu(covered, k=1).any(axis=1)]


def _areas(boxes: Boxes) -> npt.NDArray[np.float32]:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def motion_boxes(
    window: Sequence[npt.NDArray[np.uint8]],
    known: Boxes,
    *,
    binary_threshold: int,
    blur: int,
    min_contour_area: float,
) -> Boxes:
    """Returns boxes of what moved outside the known boxes.

    The absolute differences t-1 to t and t to t+1 of the blurred frames are added without
    overflow; the released code of HF2-VAD adds them as bytes, where a sum over 255 starts again at
    0 and strong motion gets lost.

    Args:
        window: Frames t-1, t, t+1, each (H, W, C) uint8; the clip's ends are repeated.
        known: (N, 4) boxes whose surroundings are left out.
        binary_threshold: Sum of differences from which a pixel moves.
        blur: Side of the Gaussian kernel.
        min_contour_area: Smallest box, square pixels.
    """
    import cv2

    before, now, after = (cv2.GaussianBlur(frame, (blur, blur), 0) for frame in window)
    difference = cv2.add(cv2.absdiff(before, now), cv2.absdiff(now, after), dtype=cv2.CV_16U)
    moving = np.where(difference > binary_threshold, np.uint8(255), np.uint8(0))
    height, width = moving.shape[:2]
    for x1, y1, x2, y2 in known:
        left, top = max(0, int(x1) - _DILATION), max(0, int(y1) - _DILATION)
        moving[top : int(y2) + _DILATION + 1, left : int(x2) + _DILATION + 1] = 0
    if moving.ndim == 3 and moving.shape[-1] == 3:
        moving = cv2.cvtColor(moving, cv2.COLOR_BGR2GRAY)
    contours, _ = cv2.findContours(
        moving.reshape(height, width), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    found = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if (w + 1) * (h + 1) > min_contour_area and 1 / _MAX_ASPECT < w / h < _MAX_ASPECT:
            found.append(
                (
                    max(0, x - _DILATION),
                    max(0, y - _DILATION),
                    min(width, x + w + _DILATION),
                    min(height, y + h + _DILATION),
                )
            )
    return np.array(sorted(found), np.float32).reshape(-1, 4)


def find_objects(
    clip: "Clip",
    segmentation: Artefact | None,
    imported: Sequence[Boxes] | None,
    settings: Mapping[str, Any],
    identity: Identity,
    path: Path,
    *,
    origin: str = "imported boxes",
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the objects artefact of a clip.

    Imported boxes are cut at the frame's edges; one without area is made a pixel wide or high,
    which moves none of the cubes that are cut at it.

    Args:
        clip: The frames; decoded only where motion is looked for.
        segmentation: The clip's instances, if the settings use them.
        imported: One (N, 4) array per frame, if boxes are imported.
        settings: `ObjectsSettings.effective()`.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        origin: What imported boxes were read from, for messages.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: A source covers another number of frames, or an imported box is not finite,
            has its corners the wrong way round, or lies outside the frame.
    """
    n_frames = clip.n_frames
    if segmentation is not None:
        _same_frames(segmentation.n_frames, n_frames, str(segmentation.path), identity)
        instances = list(_instances(segmentation, settings))
    elif imported is not None:
        _same_frames(len(imported), n_frames, origin, identity)
        instances = [
            (
                _inside(boxes, clip, f"{origin}: clip {identity.clip}, frame {t}"),
                np.full(len(boxes), -1),
                np.ones(len(boxes)),
            )
            for t, boxes in enumerate(imported)
        ]
    elif settings["source"] == "frame":
        whole = np.array([[0, 0, clip.width, clip.height]], np.float32)
        instances = [(whole, np.full(1, -1), np.ones(1))] * n_frames
    else:
        instances = [(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0))] * n_frames
    motion = (
        _motion(clip, [boxes for boxes, _, _ in instances], settings)
        if settings["source"] in {"motion", "union"}
        else [np.zeros((0, 4), np.float32)] * n_frames
    )
    first = _SOURCES.get(settings["source"], INSTANCE)
    counts = [len(boxes) + len(more) for (boxes, _, _), more in zip(instances, motion, strict=True)]
    with ArtefactWriter(
        path, "objects", identity, n_frames, settings=settings, inputs=inputs, code=code
    ) as writer:
        writer.put("frame_offsets", np.cumsum([0, *counts]))
        for (boxes, classes, scores), more in zip(instances, motion, strict=True):
            writer.append("boxes", np.concatenate([boxes, more]))
            writer.append("sources", [first] * len(boxes) + [MOTION] * len(more))
            writer.append("classes", np.concatenate([classes, np.full(len(more), -1)]))
            writer.append("scores", np.concatenate([scores, np.ones(len(more))]))


def _same_frames(found: int, n_frames: int, what: str, identity: Identity) -> None:
    if found != n_frames:
        raise VadbenchError(
            f"{what}: covers {found} frames, but clip {identity.clip} of {identity.dataset} "
            f"({identity.split}) has {n_frames}"
        )


def _inside(boxes: npt.ArrayLike, clip: "Clip", where: str) -> Boxes:
    values = np.asarray(boxes, np.float32).reshape(-1, 4)
    if not np.isfinite(values).all():
        raise VadbenchError(f"{where}: not a number")
    size = np.array([clip.width, clip.height], np.float32)
    low, high = values[:, :2], values[:, 2:]
    inverted = high < low
    outside = ((low < 0) & (high <= 0)) | ((low >= size) & (high > size))
    for wrong, words in (
        (inverted, "its right or lower side comes first; expected x1 y1 x2 y2"),
        (outside, f"it lies outside the frame of {clip.width} x {clip.height} pixels"),
    ):
        for box in values[wrong.any(axis=1)][:1]:
            corners = ", ".join(f"{value:g}" for value in box)
            raise VadbenchError(f"{where}: box {corners}: {words}; is the file of this data set?")
    low, high = np.clip(low, 0, size), np.clip(high, 0, size)
    flat = high <= low
    low = np.where(flat, np.minimum(low, size - 1), low)
    return np.concatenate([low, np.where(flat, low + 1, high)], axis=1).astype(np.float32)


def _instances(segmentation: Artefact, settings: Mapping[str, Any]) -> Any:
    boxes, scores = segmentation["boxes"][:], segmentation["scores"][:]
    classes = segmentation["classes"][:]
    for start, end in pairwise(segmentation["frame_offsets"][:].tolist()):
        size = boxes[start:end, 2:] - boxes[start:end, :2] + 1
        good = (scores[start:end] > settings["confidence"]) & (
            size.prod(axis=1) >= settings["min_area"]
        )
        chosen = np.flatnonzero(good) + start
        kept = chosen[cover_filter(boxes[chosen], settings["cover_threshold"])]
        yield boxes[kept], classes[kept], scores[kept]


def _motion(clip: "Clip", known: Sequence[Boxes], settings: Mapping[str, Any]) -> list[Boxes]:
    found: list[Boxes] = []

    def look(window: list[npt.NDArray[np.uint8]]) -> None:
        found.append(
            motion_boxes(
                window,
                known[len(found)],
                binary_threshold=settings["binary_threshold"],
                blur=settings["blur"],
                min_contour_area=settings["min_contour_area"],
            )
        )

    window: list[npt.NDArray[np.uint8]] = []
    for frame in clip:
        window = [*window, frame][-3:] if window else [frame, frame]
        if len(window) == 3:
            look(window)
    look([*window[-2:], window[-1]])
    return found
