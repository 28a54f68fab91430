"""End-point error of every flow estimator that can run here, against that of no flow at all.

On the rendered scene, whose flow is exact, and on a stereo pair: the motorcycle of Middlebury 2014
(Scharstein et al., GCPR 2014) as scikit-image ships it, whose disparity is the flow from the left
picture to the right one. Every network runs whose published weights lie there (vadbench fetch
weights).
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rows import Row

from vadbench.artefacts import Identity, open_artefact
from vadbench.datasets import Clip
from vadbench.datasets.scenes import SceneClip
from vadbench.datasets.walkway import WalkwaySettings, render_clip
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.published import CHECKPOINTS
from vadbench.teachers.flow.settings import FlowSettings
from vadbench.weights import WEIGHTS, weights_root

FRAMES = 24  # of the scene
Flow = npt.NDArray[np.float32]


class Pair:
    """Two pictures as a clip, BGR."""

    fps = None

    def __init__(self, frames: npt.NDArray[np.uint8]) -> None:
        self.frames = frames
        self.n_frames, self.height, self.width, self.channels = frames.shape

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        return self.frames[t]

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return iter(self.frames)


@dataclass(frozen=True)
class Scene:
    """A clip and where its flow is known: (T, H, W, 2), pixels, and by words (T, H, W) masks."""

    what: str
    clip: Clip
    flow: Flow
    known: dict[str, npt.NDArray[np.bool_]]


def walkway(folder: Path) -> Scene:
    path = folder / "scene.h5"
    render_clip(WalkwaySettings(frames=FRAMES), "walkway", "test", "test01", path)
    with open_artefact(path, "scene") as scene:
        flow, instances = scene["flow"][:].astype(np.float32), scene["instance_map"][:]
    # Flow lies on the grid of the frame before; the first frame has none.
    known = {
        "all pixels": np.ones(flow.shape[:3], bool),
        "pixels of objects": np.concatenate([instances[:1], instances[:-1]]) > 0,
    }
    for mask in known.values():
        mask[0] = False
    return Scene("walkway", SceneClip(path), flow, known)


def motorcycle() -> Scene | None:
    try:
        from skimage.data import stereo_motorcycle
    except ImportError:
        return None
    left, right, disparity = stereo_motorcycle()
    known = np.stack([np.zeros_like(disparity, bool), np.isfinite(disparity)])
    flow = np.zeros((*known.shape, 2), np.float32)
    flow[1, ..., 0] = -np.where(known[1], disparity, 0)
    frames = np.ascontiguousarray(np.stack([left, right])[..., ::-1])
    return Scene("motorcycle", Pair(frames), flow, {"known pixels": known})


def estimated(scene: Scene, backend: str, folder: Path) -> Flow:
    settings, path = FlowSettings(backend=backend), folder / f"{scene.what}_{backend}.h5"
    weights = weights_root() / WEIGHTS[backend].file if backend in WEIGHTS else None
    compute_flow(scene.clip, settings, Identity(scene.what, "test", "01"), path, weights=weights)
    with open_artefact(path, "flow") as artefact:
        return artefact["flow"][:].astype(np.float32)


def error(flow: Flow, scene: Scene, known: npt.NDArray[np.bool_]) -> float:
    return float(np.linalg.norm(flow - scene.flow, axis=-1)[known].mean())


def measure() -> list[Row]:
    found = [
        name
        for name in CHECKPOINTS
        if name in WEIGHTS and (weights_root() / WEIGHTS[name].file).is_file()
    ]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for scene in filter(None, [walkway(folder), motorcycle()]):
            for backend in ("farneback", "dis", *found):
                flow = estimated(scene, backend, folder)
                for where, known in scene.known.items():
                    errors = error(flow, scene, known), error(0 * flow, scene, known)
                    rows.append(Row(f"{scene.what}, {where}: {backend}", *errors, "px", "no flow"))
    if not found:
        why = "no weights: vadbench fetch weights flownet2 pwcnet raft_small raft"
        rows.append(Row("walkway and motorcycle: networks", None, None, "px", why))
    if not any(row.what.startswith("motorcycle") for row in rows):
        why = "scikit-image, which ships the pair, is not installed"
        rows.append(Row("motorcycle", None, None, "px", why))
    return rows
