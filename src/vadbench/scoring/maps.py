"""Anomaly maps of a test set, read clip by clip: those of a large data set exceed memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact

__all__ = ["open_maps"]

Maps = Mapping[str, npt.NDArray[np.float16]]


class _ClipMaps(Maps):
    """Maps (T, H, W) of one component by clip."""

    def __init__(self, values: Any, clips: Sequence[str], offsets: Sequence[int]) -> None:
        self._values = values
        self._spans = dict(zip(clips, pairwise(offsets), strict=True))

    def __getitem__(self, clip: str) -> npt.NDArray[np.float16]:
        start, end = self._spans[clip]
        return np.asarray(self._values[start:end], np.float16)

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)


@contextmanager
def open_maps(path: str | Path) -> Iterator[dict[str, Maps]]:
    """Opens a `maps` artefact; gives the maps of each component by clip.

    Raises:
        VadbenchError: It is damaged.
    """
    with open_artefact(path, "maps") as artefact:
        clips = [str(name) for name in artefact["clips"].asstr()[:]]
        offsets = artefact["clip_offsets"][:].tolist()
        yield {
            name.removeprefix("map/"): _ClipMaps(artefact[name], clips, offsets)
            for name in artefact.fields
            if name.startswith("map/")
        }
