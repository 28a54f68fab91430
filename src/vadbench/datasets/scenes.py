"""Rendered scenes as a data set: clips and labels out of `scene` artefacts."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact
from vadbench.datasets import Labels

if TYPE_CHECKING:
    from vadbench.datasets.sections import WalkwaySection as Section

__all__ = ["SceneClip", "label_paths", "list_clips", "open_clip", "raw_paths", "read_labels"]


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split; the clips need not be rendered yet."""
    from vadbench.datasets.walkway.settings import list_clips as _list_clips

    return _list_clips(section)


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Labels are rendered with the clips."""
    return []


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


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads the rendered labels of all test clips."""
    from vadbench.datasets.walkway.settings import ANOMALY_KINDS

    vectors = {}
    anomalies: dict[str, dict[str, npt.NDArray[np.uint8]]] = {kind: {} for kind in ANOMALY_KINDS}
    for clip in list_clips(section, root)["test"]:
        with open_artefact(root / "test" / f"{clip}.h5", "scene") as scene:
            vectors[clip] = scene["labels"][:]
            frames = np.repeat(np.arange(scene.n_frames), np.diff(scene["frame_offsets"][:]))
            seen, abnormal = scene["kinds"][:], scene["abnormal"][:] > 0
        for number, kind in enumerate(ANOMALY_KINDS):
            anomalies[kind][clip] = np.zeros_like(vectors[clip])
            anomalies[kind][clip][frames[abnormal & (seen == number)]] = 1
    digest = hashlib.sha256(b"".join(vector.tobytes() for vector in vectors.values()))
    return Labels("rendered annotations", digest.hexdigest(), vectors, anomalies=anomalies)
