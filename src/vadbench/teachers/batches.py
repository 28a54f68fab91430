"""Frames in batches, with a line in the log now and then."""

import logging
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

__all__ = ["in_batches"]

log = logging.getLogger(__name__)
_SECONDS = 30.0  # between lines


def in_batches(
    frames: Iterable[npt.NDArray[np.uint8]], size: int, n_frames: int
) -> Iterator[list[npt.NDArray[np.uint8]]]:
    """Yields frames in lists of `size`, the last of what is left; logs how many are done.

    Args:
        frames: The frames.
        size: How many at a time.
        n_frames: How many there are, for the log.
    """
    done, told, coming = 0, time.monotonic(), iter(frames)
    while group := list(islice(coming, size)):
        yield group
        done += len(group)
        if time.monotonic() - told > _SECONDS:
            log.info("%d of %d frames", done, n_frames)
            told = time.monotonic()
