"""Pixel-level metrics of anomaly maps: AUC over all pixels, and UCSD's 40 % criterion.

UCSD's pixel-level criterion (Mahadevan et al., CVPR 2010): an abnormal frame is detected when at
least 40 % of its abnormal pixels score at or above the threshold; a normal frame is a false alarm
when any pixel does. So each frame has one number, the highest threshold at which that happens, and
the criterion's ROC curve is the ROC curve of these numbers.

Masks are brought to the maps' size: a pixel of the map is abnormal when at least half of it is, or,
where that leaves nothing of a mask, when any of it is. Maps hold 16-bit floats, so the ROC curve of
all pixels is exact from a histogram over the values that there are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vadbench.scoring.metrics import Interval, auc, curve_metrics, equal_error_rate, interval
from vadbench.scoring.metrics import metric_intervals as frame_intervals

__all__ = ["PixelCounts", "count_pixels", "summarise"]

Floats = npt.NDArray[np.float64]
_SHARE = 0.4
_VALUES = 1 << 16


@dataclass(frozen=True)
class PixelCounts:
    """What a clip adds to pixel-level metrics.

    Attributes:
        abnormal, normal: (65536,) pixels by value of the map, in order of the values.
        labels: (T,) 1 for frames with abnormal pixels.
        thresholds: (T,) the highest threshold at which UCSD's criterion flags each frame.
    """

    abnormal: Floats
    normal: Floats
    labels: npt.NDArray[np.uint8]
    thresholds: Floats


def count_pixels(
    maps: npt.NDArray[np.float16], mask: Callable[[int], npt.NDArray[np.bool_]]
) -> PixelCounts:
    """Counts the pixels of a clip.

    Args:
        maps: (T, H, W) float16.
        mask: Returns the mask of a frame, in any size.
    """
    counts = np.zeros((2, _VALUES))
    labels = np.zeros(len(maps), np.uint8)
    thresholds = np.zeros(len(maps))
    for t, values in enumerate(maps):
        truth = _reduced(mask(t), values.shape)
        order = _ordered(values)
        for kind in (0, 1):
            counts[kind] += np.bincount(order[truth == kind], minlength=_VALUES)
        labels[t] = truth.any()
        own = values[truth] if labels[t] else values.ravel()
        place = math.ceil(_SHARE * len(own) - 1e-9) if labels[t] else 1
        thresholds[t] = float(np.partition(own, len(own) - place)[len(own) - place])
    return PixelCounts(counts[1], counts[0], labels, thresholds)


def summarise(counts: list[PixelCounts], drawn: Floats) -> dict[str, tuple[float, Interval]]:
    """Returns `auc_pixel`, `auc_pixel40` and `eer_pixel40`, each with its interval over clips.

    Args:
        counts: What each of C clips adds.
        drawn: (B, C) from `vadbench.scoring.metrics.draw_clips`.

    Returns:
        Nothing where all pixels, or frames, are of one class.
    """
    abnormal, normal = (
        np.stack([getattr(item, name) for item in counts])[:, ::-1].cumsum(axis=1)
        for name in ("abnormal", "normal")
    )
    used = np.flatnonzero(np.diff(abnormal.sum(axis=0) + normal.sum(axis=0), prepend=0))
    abnormal, normal = abnormal[:, used], normal[:, used]
    labels = np.concatenate([item.labels for item in counts])
    if labels.min() == labels.max() or normal[:, -1].sum() == 0:
        return {}
    value = curve_metrics(abnormal.sum(0, keepdims=True), normal.sum(0, keepdims=True))
    found: dict[str, tuple[float, Interval]] = {"auc_pixel": (float(value["auc_micro"][0]), None)}
    if len(counts) > 1:
        values = []
        for weights in drawn:
            sums = weights @ abnormal, weights @ normal
            if sums[0][-1] > 0 and sums[1][-1] > 0:
                values.append(curve_metrics(sums[0][None], sums[1][None])["auc_micro"])
        found["auc_pixel"] = found["auc_pixel"][0], interval(np.concatenate(values))
    thresholds = [item.thresholds for item in counts]
    every = np.concatenate(thresholds)
    bounds = frame_intervals([item.labels for item in counts], thresholds, drawn)
    area = auc(labels, every)
    assert area is not None
    found["auc_pixel40"] = area, bounds["auc_micro"]
    found["eer_pixel40"] = equal_error_rate(labels, every), bounds["eer"]
    return found


def _ordered(values: npt.NDArray[np.float16]) -> npt.NDArray[np.uint16]:
    """Returns whole numbers in the order of 16-bit floats."""
    # Adding 0 makes 0 of -0, which has other bits.
    bits = (np.asarray(values, np.float16) + np.float16(0)).view(np.uint16)
    ordered: npt.NDArray[np.uint16] = np.where(bits >> 15, ~bits, bits | 0x8000)
    return ordered


def _reduced(mask: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Brings a mask to the size of a map."""
    import cv2

    if mask.shape == shape:
        return mask
    share = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    reduced: npt.NDArray[np.bool_] = share >= 0.5
    return reduced if reduced.any() or not mask.any() else share > 0
