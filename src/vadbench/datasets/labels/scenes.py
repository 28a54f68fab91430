"""Labels of rendered scenes, out of `scene` artefacts."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact
from vadbench.datasets import Labels
from vadbench.datasets.labels.pixels import Masks
from vadbench.datasets.scenes import list_clips

if TYPE_CHECKING:
    from vadbench.datasets.sections import WalkwaySection as Section

__all__ = ["label_paths", "open_masks", "read_labels"]


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Labels are rendered with the clips."""
    return []


def open_masks(section: "Section", root: Path, clip: str) -> Masks | None:
    """Opens the masks of what is abnormal in a test clip, if it is rendered."""
    path = root / "test" / f"{clip}.h5"
    if not path.is_file():
        return None
    with open_artefact(path, "scene") as scene:
        count = scene.n_frames

    def mask(t: int) -> npt.NDArray[np.bool_]:
        with open_artefact(path, "scene") as scene:
            return np.asarray(scene["abnormal_mask"][t] > 0)

    return path, count, mask


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
