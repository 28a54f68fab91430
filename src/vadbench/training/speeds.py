"""How fast things move in training clips, by which networks scale flow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vadbench.artefacts import open_artefact

__all__ = ["speed_percentile"]

_MOST = 1 << 26  # values that are held at once, 256 MB
_BLOCK = 64  # frames that are read at once


def speed_percentile(
    views: Sequence[Path], percentile: float, *, step: int, masked: bool = False, most: int = _MOST
) -> float:
    """Returns a percentile of the flow magnitude of training views, in the flow's unit.

    Args:
        views: Views artefacts.
        percentile: 0 to 100.
        step: Pixels from one that counts to the next, across and down.
        masked: Count pixels on objects only.
        most: The number of pixels beyond which only every second, third, ... frame counts, so that
            memory does not grow with the data set.

    Returns:
        The percentile; 1 if nothing moves.
    """
    total = 0
    for path in views:
        with open_artefact(path, "views") as artefact:
            count, height, width, _ = artefact["flow"].shape
            total += (count - 1) * -(-height // step) * -(-width // step)
    stride = max(1, -(-total // most))
    speeds = [np.zeros(0, np.float32)]
    for path in views:
        with open_artefact(path, "views") as artefact:
            flow, classes = artefact["flow"], artefact["class_map"] if masked else None
            # The first frame of a clip has no flow into it.
            for start in range(1, len(flow), _BLOCK * stride):
                frames = slice(start, start + _BLOCK * stride, stride)
                # Whole frames: HDF5 is slow at every second pixel.
                vectors = flow[frames][:, ::step, ::step].astype(np.float32)
                speed = np.hypot(vectors[..., 0], vectors[..., 1])
                if classes is not None:
                    speed = speed[classes[frames][:, ::step, ::step] > 0]
                speeds.append(speed.ravel())
    every = np.concatenate(speeds)
    speeds.clear()
    value = float(np.percentile(every, percentile, overwrite_input=True)) if len(every) else 0.0
    return value if value > 0 else 1.0
