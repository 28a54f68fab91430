"""Dense inverse search (Kroeger et al., ECCV 2016), by OpenCV."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vadbench.teachers.flow.settings import FlowSettings

__all__ = ["build"]

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


def build(
    settings: "FlowSettings",
) -> Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Returns the estimator for a pair of grey uint8 frames (H, W)."""
    search = cv2.DISOpticalFlow.create(_PRESETS[settings.dis_preset])

    def estimate(
        previous: npt.NDArray[np.uint8], following: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        flow: npt.NDArray[np.float32] = search.calc(previous, following, None)
        return flow

    return estimate
