"""Relative depth of frames, by backends that share one artefact.

Depth is relative inverse depth, as MiDaS estimates it: 1 at the nearest and 0 at the farthest
point of a clip. Here are the backends without a network; `dpt` has the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Artefact, ArtefactWriter, Identity
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.depth.settings import DepthSettings

__all__ = ["estimate_depth", "write_depth"]


def estimate_depth(
    clip: "Clip",
    scene: Artefact | None,
    settings: "DepthSettings",
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the depth artefact of a clip: (T, H, W) float16, 0 to 1.

    Args:
        clip: The clip; its frames are not decoded.
        scene: The rendered clip, if annotations are wanted.
        settings: Backend and horizon.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: The data set ships no depth.
    """
    if settings.backend == "annotations" and scene is None:
        raise VadbenchError(
            f"{identity.dataset}: ships no depth; take another backend than annotations"
        )
    if settings.backend == "plane":
        plane = _plane(clip.height, clip.width, settings.horizon)
        frames: Iterable[npt.NDArray[np.float16]] = (plane for _ in range(clip.n_frames))
    else:
        assert scene is not None
        frames = _normalised(scene)
    write_depth(
        frames, clip.n_frames, settings.effective(), identity, path, inputs=inputs, code=code
    )


def write_depth(
    frames: Iterable[npt.NDArray[np.float16]],
    n_frames: int,
    settings: Mapping[str, Any],
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the depth artefact of a clip, a frame at a time.

    Args:
        frames: Relative inverse depth of each frame, (H, W), 1 nearest, 0 farthest.
        n_frames: Frames of the clip.
        settings: What estimated it.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.
    """
    with ArtefactWriter(
        path, "depth", identity, n_frames, settings=settings, inputs=inputs, code=code
    ) as writer:
        for frame in frames:
            writer.append("depth", frame[None])


def _plane(height: int, width: int, horizon: float) -> npt.NDArray[np.float16]:
    """Inverse depth of a ground plane grows linearly from the horizon down."""
    rows = (np.arange(height) + 0.5) / height
    inverse = np.clip((rows - horizon) / (1 - horizon), 0.0, 1.0)
    return np.repeat(inverse[:, None], width, axis=1).astype(np.float16)


def _normalised(scene: Artefact) -> Iterator[npt.NDArray[np.float16]]:
    distances = scene["depth"]
    nearest, farthest = np.inf, 0.0
    for t in range(scene.n_frames):
        frame = distances[t].astype(np.float32)
        nearest, farthest = min(nearest, float(frame.min())), max(farthest, float(frame.max()))
    low, width = 1 / farthest, 1 / nearest - 1 / farthest
    for t in range(scene.n_frames):
        inverse = 1 / distances[t].astype(np.float32)
        yield ((inverse - low) / (width or 1.0)).astype(np.float16)
