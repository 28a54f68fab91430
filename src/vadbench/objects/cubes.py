"""Spatio-temporal cubes (STC): each object's box cut out of a window of frames and flow fields.

HF2-VAD, Sec. 4.2, and its released code: for a box of frame t the same box is cut from frames
t-4 .. t and resized to 32 x 32; box coordinates are rounded up; before the clip's start the first
frame is repeated. The window of flow fields is a choice (see `CubesSettings.flow_window`).
"""

import math
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Artefact, ArtefactWriter, Identity
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.objects.settings import CubesSettings

_Item = TypeVar("_Item")

__all__ = ["crop_window", "cut_cubes"]


def crop_window(box: npt.NDArray[np.float32], height: int, width: int) -> tuple[int, int, int, int]:
    """Returns integer x1, y1, x2, y2 (exclusive) of a box, inside the frame, at least 2 x 2.

    Coordinates are rounded up as in HF2-VAD's code, which crashes on a box that has no width
    after rounding; such a box is widened here.
    """
    x1, x2 = _span(float(box[0]), float(box[2]), width)
    y1, y2 = _span(float(box[1]), float(box[3]), height)
    return x1, y1, x2, y2


def _span(start: float, end: float, limit: int) -> tuple[int, int]:
    first = min(max(math.ceil(start), 0), limit)
    last = min(max(math.ceil(end), 0), limit)
    if last - first < 2:
        first = max(0, min(first, limit - 2))
        last = min(limit, first + 2)
    return first, last


def cut_cubes(
    clip: "Clip",
    flow: Artefact,
    objects: Artefact,
    settings: "CubesSettings",
    identity: Identity,
    path: Path,
    *,
    inputs: tuple[Path, ...] = (),
    code: str = "",
) -> None:
    """Writes the cubes of a clip, a frame at a time: memory does not grow with the clip.

    Args:
        clip: Frames of the clip, (H, W, C) uint8; grey clips give cubes of one channel.
        flow: The clip's flow artefact.
        objects: The clip's objects artefact.
        settings: Size and windows.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: Flow, objects and frames do not cover the same clip.
    """
    import cv2

    from vadbench.half import to_half

    cv2.setNumThreads(1)
    _check_same_clip(clip, flow, objects)
    offsets = objects["frame_offsets"][:]
    boxes = objects["boxes"][:]
    size, length = settings.size, settings.past_frames
    frames: deque[npt.NDArray[np.uint8]] = deque(maxlen=length + 1)
    flows: deque[npt.NDArray[np.float32]] = deque(
        maxlen=length + (settings.flow_window == "previous_only")
    )
    with ArtefactWriter(
        path,
        "cubes",
        identity,
        clip.n_frames,
        settings=settings.effective(),
        inputs=inputs,
        code=code,
    ) as writer:
        writer.put("frame_offsets", offsets)
        writer.put("boxes", boxes)
        writer.append("frames", np.zeros((0, length + 1, size, size, clip.channels), np.uint8))
        writer.append("flow", np.zeros((0, length, size, size, 2), np.float16))
        for frame, field, (start, end) in zip(
            clip, _fields(flow), pairwise(offsets.tolist()), strict=True
        ):
            _push(frames, frame)
            _push(flows, field)
            if start == end:
                continue
            frame_cubes = np.empty((end - start, length + 1, size, size, clip.channels), np.uint8)
            flow_cubes = np.empty((end - start, length, size, size, 2), np.float32)
            for cube, motion, box in zip(frame_cubes, flow_cubes, boxes[start:end], strict=True):
                x1, y1, x2, y2 = crop_window(box, clip.height, clip.width)
                for image, place in zip(frames, cube, strict=True):
                    cv2.resize(image[y1:y2, x1:x2], (size, size), dst=place)
                for vectors, place in zip(flows, motion, strict=False):
                    cv2.resize(vectors[y1:y2, x1:x2], (size, size), dst=place)
            writer.append("frames", frame_cubes)
            writer.append("flow", to_half(flow_cubes))


def _check_same_clip(clip: "Clip", flow: Artefact, objects: Artefact) -> None:
    expected = (clip.n_frames, clip.height, clip.width, 2)
    if flow["flow"].shape != expected:
        raise VadbenchError(
            f"{flow.path}: flow of shape {flow['flow'].shape}, but the clip's frames need "
            f"{expected}; delete the file and run again"
        )
    if objects.n_frames != clip.n_frames or objects.identity != flow.identity:
        raise VadbenchError(
            f"{objects.path}: holds {objects.identity} of {objects.n_frames} frames, but "
            f"{flow.path} holds {flow.identity} of {clip.n_frames}; delete both and run again"
        )


def _fields(flow: Artefact) -> Iterator[npt.NDArray[np.float32]]:
    from vadbench.half import to_single

    dataset = flow["flow"]
    for t in range(len(dataset)):
        yield to_single(dataset[t])


def _push(window: deque[_Item], item: _Item) -> None:
    """Appends to a window; the first item of a clip fills it (frames before the start)."""
    if window:
        window.append(item)
    else:
        window.extend([item] * (window.maxlen or 1))
