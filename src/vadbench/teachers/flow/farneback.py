"""Farneback's two-frame motion estimation by polynomial expansion (SCIA 2003), by OpenCV."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vadbench.teachers.flow.settings import FlowSettings

__all__ = ["build"]


def build(
    settings: "FlowSettings",
) -> Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Returns the estimator for a pair of grey uint8 frames (H, W)."""
    chosen = settings.farneback

    def estimate(
        previous: npt.NDArray[np.uint8], following: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        flow: npt.NDArray[np.float32] = cv2.calcOpticalFlowFarneback(
            previous,
            following,
            None,
            chosen.pyr_scale,
            chosen.levels,
            chosen.winsize,
            chosen.iterations,
            chosen.poly_n,
            chosen.poly_sigma,
            0,
        )
        return flow

    return estimate
