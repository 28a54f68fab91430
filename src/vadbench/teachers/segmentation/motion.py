"""Segmentation by a model of the background, for use without any weights.

The mixture of Gaussians of Zivkovic (ICPR 2004), by OpenCV. The camera is static and a clip is
short, so the model first sees the whole clip and is then held fixed: objects stand out from the
first frame on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Identity
from vadbench.teachers.segmentation.instances import Instances, write_segmentation

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.segmentation.settings import SegmentationSettings

__all__ = ["find_instances", "segment_motion"]

_BACKGROUND = 0.6
"""Share of the time that a pixel shows the background at least; what is there less is an object."""
_CLOSE, _OPEN = 5, 3  # sides of the squares that mend and clean a mask, pixels


def find_instances(
    foreground: npt.NDArray[np.uint8], min_area: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Splits a foreground mask into connected objects.

    Args:
        foreground: (H, W), not 0 where there is an object.
        min_area: Smallest object, pixels.

    Returns:
        A map of instances from 1, 0 elsewhere, (H, W), and their boxes, (N, 4), x1 y1 x2 y2.
    """
    mask = (foreground > 0).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((_OPEN, _OPEN), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((_CLOSE, _CLOSE), np.uint8))
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    instances, boxes = np.zeros(mask.shape, np.int32), []
    for number in range(1, count):
        x, y, width, height, area = statistics[number]
        if area >= min_area:
            boxes.append((x, y, x + width, y + height))
            instances[parts == number] = len(boxes)
    return instances, np.array(boxes, np.float32).reshape(-1, 4)


def segment_motion(
    clip: "Clip",
    settings: "SegmentationSettings",
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the segmentation artefact of a clip: moving objects of unknown class, score 1.

    Args:
        clip: The frames; they are read twice.
        settings: Threshold and smallest object.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.
    """
    cv2.setNumThreads(1)
    model = cv2.createBackgroundSubtractorMOG2(
        history=clip.n_frames, varThreshold=settings.threshold, detectShadows=False
    )
    model.setBackgroundRatio(_BACKGROUND)
    for frame in clip:
        model.apply(frame)

    def frames() -> Iterator[Instances]:
        for frame in clip:
            foreground = model.apply(frame, learningRate=0)
            instances, boxes = find_instances(foreground, settings.min_area)
            count = len(boxes)
            masks = instances[None] == np.arange(1, count + 1)[:, None, None]
            yield Instances(boxes, np.full(count, -1), np.ones(count), masks)

    write_segmentation(
        frames(),
        clip.n_frames,
        (clip.height, clip.width),
        settings.effective(),
        identity,
        path,
        inputs=inputs,
        code=code,
    )
