"""Frame labels as intervals of frames, and intervals as labels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError

__all__ = ["from_intervals", "intervals"]


def from_intervals(
    spans: Sequence[tuple[int, int]], n_frames: int, where: str
) -> npt.NDArray[np.uint8]:
    """Returns (T,) uint8 that is 1 inside the inclusive 0-based intervals.

    Raises:
        VadbenchError: An interval lies outside the clip or ends before it starts.
    """
    labels = np.zeros(n_frames, np.uint8)
    for start, end in spans:
        if start > end:
            raise VadbenchError(
                f"{where}: abnormal frames {start} to {end} (from 0) end before they start"
            )
        if not 0 <= start <= end < n_frames:
            raise VadbenchError(
                f"{where}: abnormal frames {start} to {end} (from 0), but the clip has {n_frames} "
                "frames; labels and frames are not of the same data set"
            )
        labels[start : end + 1] = 1
    return labels


def intervals(labels: npt.ArrayLike) -> list[tuple[int, int]]:
    """Returns the inclusive 0-based intervals in which a 0/1 vector is 1."""
    padded = np.concatenate([[0], np.asarray(labels, np.int8), [0]])
    changes = np.flatnonzero(np.diff(padded))
    return [(int(a), int(b) - 1) for a, b in zip(changes[::2], changes[1::2], strict=True)]
