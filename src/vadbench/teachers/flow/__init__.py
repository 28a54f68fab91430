"""Dense optical flow of a clip, by backends that share one convention.

`flow[t]` is the displacement of each pixel from frame t-1 to frame t, on the pixel grid of
frame t-1, x first; `flow[0]` is the flow of the first frame onto itself (HF2-VAD's convention).

Working resolution and units are two choices (spec of HF2-VAD's released code): it resizes both
frames to the network's size, estimates there, resizes the field back and does *not* rescale the
magnitudes. They are then in pixels of the network's size, and larger than the frame's own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.teachers.batches import in_batches

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.flow.settings import FlowSettings

__all__ = ["Estimate", "backend_module", "compute_flow"]

Frame = npt.NDArray[np.uint8]
Flow = npt.NDArray[np.float32]
Estimate = Callable[[Sequence[Frame], Sequence[Frame]], Iterable[Flow]]
"""Takes the first and the second frames of some pairs, returns a field for each pair."""

_CLASSICAL = {
    "farneback": "vadbench.teachers.flow.farneback",
    "dis": "vadbench.teachers.flow.dis",
}


def backend_module(backend: str) -> str:
    """Returns the module of a backend, by its name in the settings."""
    return _CLASSICAL.get(backend, "vadbench.teachers.flow.networks")


def compute_flow(
    clip: "Clip",
    settings: "FlowSettings",
    identity: Identity,
    path: Path,
    *,
    weights: Path | None = None,
    batch_size: int = 1,
    threads: int = 1,
    inputs: tuple[Path, ...] = (),
    code: str = "",
) -> None:
    """Writes the flow artefact of a clip: (T, H, W, 2) float16, x and y.

    Networks see frames in colour (grey ones repeated), the backends of OpenCV in grey.

    Args:
        clip: The frames.
        settings: Backend, working size and units.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        weights: The network's weights; None for a backend that has none.
        batch_size: Pairs of frames at a time, of a network.
        threads: Threads to compute with, of a network.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: A frame cannot be read, or the file not be written; of a network also what
            `vadbench.teachers.flow.networks.build` raises.
    """
    import cv2

    from vadbench.half import to_half

    # One clip is one job; OpenCV's own threads would only compete with the other jobs.
    cv2.setNumThreads(1)
    module = import_module(backend_module(settings.backend))
    estimate: Estimate
    if weights is None:
        estimate, coloured = partial(map, module.build(settings)), _grey
    else:
        estimate, coloured = module.build(settings, weights, threads), _colour
    native = (clip.width, clip.height)
    width, height = settings.working_size or native
    working = (width, height)
    scale = _scale(settings, native, working)
    with ArtefactWriter(
        path,
        "flow",
        identity,
        clip.n_frames,
        settings=settings.effective(),
        inputs=inputs,
        code=code,
    ) as writer:
        frames: Iterator[Frame] = map(coloured, clip)
        if working != native:
            frames = (cv2.resize(frame, working) for frame in frames)
        before = None
        for group in in_batches(frames, batch_size, clip.n_frames):
            for flow in estimate([group[0] if before is None else before, *group[:-1]], group):
                if working != native:
                    flow = cv2.resize(flow, native)
                if scale is not None:
                    flow = flow * scale
                writer.append("flow", to_half(flow[None]))
            before = group[-1]


def _grey(frame: Frame) -> Frame:
    import cv2

    if frame.shape[2] == 1:
        return frame[..., 0]
    grey: Frame = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return grey


def _colour(frame: Frame) -> Frame:
    return np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame


def _scale(
    settings: "FlowSettings", native: tuple[int, int], working: tuple[int, int]
) -> Flow | None:
    """What x and y in pixels of the working size are multiplied by; None: nothing changes."""
    if settings.units == "network":
        return None
    wanted = native if settings.units == "native" else settings.units
    scale = (wanted[0] / working[0], wanted[1] / working[1])
    return None if scale == (1, 1) else np.array(scale, np.float32)
