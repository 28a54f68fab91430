"""Frames as pictures for people: enlarged, with boxes and outlines drawn into them."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ABNORMAL", "HIGHEST", "OTHER", "enlarged", "outline", "rectangle"]

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
# Okabe and Ito's palette in BGR, told apart by colour-blind readers and in grey print.
HIGHEST: Colour = (0, 159, 230)
OTHER: Colour = (178, 114, 0)
ABNORMAL: Colour = (115, 158, 0)
_SIDE = 480  # frames whose longer side is shorter are enlarged


def enlarged(frame: Image, side: int = _SIDE) -> tuple[Image, int]:
    """Returns a frame in colour, enlarged by a whole factor until it is easy to see.

    Args:
        frame: (H, W, 1 or 3) uint8.
        side: The longer side is made at least this long.

    Returns:
        (factor H, factor W, 3) BGR, and the factor.
    """
    import cv2

    image = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame
    factor = max(1, -(-side // max(frame.shape[:2])))
    made: Any = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(made), factor


def rectangle(
    image: Image, box: npt.NDArray[np.float32], factor: int, colour: Colour, width: int
) -> None:
    """Draws a box, given in pixels of the frame before it was enlarged."""
    import cv2

    x1, y1, x2, y2 = (int(factor * value) for value in box)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, width, cv2.LINE_AA)


def outline(image: Image, mask: npt.NDArray[np.bool_], factor: int, colour: Colour) -> None:
    """Draws the outline of a mask of the frame before it was enlarged."""
    import cv2

    size = (image.shape[1], image.shape[0])
    large = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(image, contours, -1, colour, 2, cv2.LINE_AA)
