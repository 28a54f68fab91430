"""Whether frames are grey: a clip has one channel or three, the same in all of its frames."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError

__all__ = ["count_channels", "is_grey", "to_grey"]

_PROBES = 5
"""Frames that are looked at: the first may be black, and the camera infrared for a while."""


def count_channels(
    colour: str, n_frames: int, picture: Callable[[int], npt.NDArray[np.uint8]]
) -> int:
    """Returns the channels of a clip's frames: 1 for grey, 3 for BGR.

    Args:
        colour: `grey`, `colour`, or `auto`: three channels if one of a few frames has colour.
        n_frames: Frames of the clip.
        picture: Returns a frame, (H, W) or (H, W, 3).
    """
    if colour != "auto":
        return 1 if colour == "grey" else 3
    probes = dict.fromkeys(np.linspace(0, n_frames - 1, _PROBES).astype(int).tolist())
    return 1 if all(is_grey(picture(t)) for t in probes) else 3


def is_grey(picture: npt.NDArray[np.uint8]) -> bool:
    """Whether a picture, (H, W) or (H, W, 3), holds only grey."""
    return picture.ndim == 2 or all(
        np.array_equal(picture[..., 0], picture[..., other]) for other in (1, 2)
    )


def to_grey(
    picture: npt.NDArray[np.uint8], colour: str, path: Any, where: str
) -> npt.NDArray[np.uint8]:
    """Returns the luma of a picture, (H, W, 1).

    Args:
        picture: (H, W) or (H, W, 3).
        colour: The setting under which its clip is grey.
        path: Its file, for the message.
        where: Its clip and frame, for the message.

    Raises:
        VadbenchError: Its clip was taken for grey, and it has colour.
    """
    import cv2

    if colour == "auto" and not is_grey(picture):
        raise VadbenchError(
            f"{path}: {where}: has colour, but the frames by which the clip was judged are grey; "
            "give the data set the key 'colour: colour' (three channels), or 'colour: grey'"
        )
    flat = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(flat[..., None], np.uint8)
