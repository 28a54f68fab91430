"""A stretch of a clip as a clip of its own."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vadbench.datasets import Clip

__all__ = ["PartClip"]


class PartClip:
    """Frames first to last (inclusive) of a clip."""

    def __init__(self, clip: "Clip", first: int, last: int) -> None:
        self._clip, self._first = clip, first
        self.n_frames = last - first + 1
        self.height, self.width, self.channels = clip.height, clip.width, clip.channels
        self.fps = clip.fps

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns frame t of the stretch."""
        return self._clip.frame(self._first + t)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields its frames in order."""
        return islice(iter(self._clip), self._first, self._first + self.n_frames)
