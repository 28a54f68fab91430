"""Conversion between float32 and the float16 of stored flow.

NumPy converts element by element; OpenCV uses the processor's vector instructions and is about
ten times as fast, with the same rounding.
"""

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["to_half", "to_single"]


def to_half(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Rounds an array of any shape to float16; beyond 65504 becomes infinite."""
    flat = np.ascontiguousarray(values, np.float32).reshape(-1, values.shape[-1])
    if not flat.size:
        return values.astype(np.float16)
    converted: npt.NDArray[np.float16] = cv2.add(flat, 0.0, dtype=cv2.CV_16F)
    return converted.reshape(values.shape)


def to_single(values: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """Widens an array of any shape to float32, exactly."""
    flat = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
    if not flat.size:
        return values.astype(np.float32)
    converted: npt.NDArray[np.float32] = cv2.add(flat, 0.0, dtype=cv2.CV_32F)
    return converted.reshape(values.shape)
