"""Dense optical flow of a clip, by backends that share one convention.

`flow[t]` is the displacement of each pixel from frame t-1 to frame t, on the pixel grid of
frame t-1, x first; `flow[0]` is the flow of the first frame onto itself (HF2-VAD's convention).

Working resolution and units are two choices (spec of HF2-VAD's released code): it resizes both
frames to the network's size, estimates there, resizes the field back and does *not* rescale the
magnitudes. They are then in pixels of the network's size, and larger than the frame's own.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import ArtefactWriter, Identity

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.flow.settings import FlowSettings

__all__ = ["BACKENDS", "compute_flow", "estimator"]

Flow = npt.NDArray[np.float32]
Estimate = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], Flow]

BACKENDS: dict[str, str] = {
    "farneback": "vadbench.teachers.flow.farneback",
    "dis": "vadbench.teachers.flow.dis",
}


def estimator(settings: "FlowSettings") -> Estimate:
    """Returns a function (previous, next) -> flow for grey uint8 frames (H, W).

    The flow is (H, W, 2) float32 in the units of the settings.
    """
    import cv2

    backend: Estimate = import_module(BACKENDS[settings.backend]).build(settings)

    def estimate(previous: npt.NDArray[np.uint8], following: npt.NDArray[np.uint8]) -> Flow:
        height, width = previous.shape
        work_width, work_height = settings.working_size or (width, height)
        resized = (work_width, work_height) != (width, height)
        if resized:
            size = (work_width, work_height)
            flow = backend(cv2.resize(previous, size), cv2.resize(following, size))
            flow = cv2.resize(flow, (width, height))
        else:
            flow = backend(previous, following)
        if settings.units == "network":
            return flow
        unit_width, unit_height = (width, height) if settings.units == "native" else settings.units
        scale = _scale(unit_width / work_width, unit_height / work_height)
        return flow if scale is None else flow * scale

    return estimate


@cache
def _scale(x: float, y: float) -> Flow | None:
    return None if x == y == 1 else np.array([x, y], np.float32)


def compute_flow(
    clip: "Clip",
    settings: "FlowSettings",
    identity: Identity,
    path: Path,
    *,
    inputs: tuple[Path, ...] = (),
    code: str = "",
) -> None:
    """Writes the flow artefact of a clip: (T, H, W, 2) float16.

    Raises:
        VadbenchError: A frame cannot be read, or the file not be written.
    """
    import cv2

    from vadbench.half import to_half

    # One clip is one job; OpenCV's own threads would only compete with the other jobs.
    cv2.setNumThreads(1)
    estimate = estimator(settings)
    with ArtefactWriter(
        path,
        "flow",
        identity,
        clip.n_frames,
        settings=settings.effective(),
        inputs=inputs,
        code=code,
    ) as writer:
        previous: npt.NDArray[np.uint8] | None = None
        for frame in clip:
            grey = (
                frame[..., 0] if frame.shape[-1] == 1 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            )
            flow = estimate(grey if previous is None else previous, grey)
            writer.append("flow", to_half(flow[None]))
            previous = grey
