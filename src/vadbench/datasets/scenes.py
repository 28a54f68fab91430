"""Rendered scenes as a data set: clips out of `scene` artefacts."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact

if TYPE_CHECKING:
    from vadbench.datasets.sections import WalkwaySection as Section

__all__ = ["SceneClip", "list_clips", "open_clip", "raw_paths"]


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split; the clips need not be rendered yet."""
    from vadbench.datasets.walkway.settings import list_clips as _list_clips

    return _list_clips(section)


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Rendered clips are artefacts, which the workflow watches itself."""
    return {}


class SceneClip:
    """Frames of a `scene` artefact, read a few at a time."""

    fps = None  # The section says it.

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_artefact(path, "scene") as scene:
            self.n_frames, self.height, self.width, self.channels = scene["frames"].shape

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns frame t, (H, W, C) uint8."""
        with open_artefact(self.path, "scene") as scene:
            frame: npt.NDArray[np.uint8] = scene["frames"][t]
            return frame

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the frames in order."""
        with open_artefact(self.path, "scene") as scene:
            frames = scene["frames"]
            for t in range(self.n_frames):
                yield frames[t]


def open_clip(section: "Section", root: Path, split: str, clip: str) -> SceneClip:
    """Opens a rendered clip."""
    return SceneClip(root / split / f"{clip}.h5")
