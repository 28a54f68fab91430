"""Clips that lie on disk as one image file per frame."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError

__all__ = ["EXTENSIONS", "ImageClip", "decode", "list_frames"]

EXTENSIONS = frozenset({".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp"})


def list_frames(folder: Path) -> list[Path]:
    """Returns the frame files of a clip in order of their numbers.

    Raises:
        VadbenchError: The folder is missing or empty, a name is no number, or a number is
            missing or there twice.
    """
    if not folder.is_dir():
        raise VadbenchError(f"{folder}: no such folder; every clip is a folder of numbered images")
    numbered: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        # Archives made on a Mac hold ._001.tif beside 001.tif; viewers leave Thumbs.db behind.
        if path.name.startswith(".") or path.suffix.lower() not in EXTENSIONS:
            continue
        digits = path.stem.rpartition("_")[2].lstrip("frame ")
        if not digits.isdecimal():
            raise VadbenchError(f"{path}: an image whose name is no frame number; move it away")
        number = int(digits)
        if number in numbered:
            raise VadbenchError(
                f"{folder}: frame {number} is there twice, as {numbered[number].name} and "
                f"{path.name}; keep one"
            )
        numbered[number] = path
    if not numbered:
        raise VadbenchError(f"{folder}: the clip has no frames; unpack it again or remove it")
    first, last = min(numbered), max(numbered)
    for number in range(first, last + 1):
        if number not in numbered:
            raise VadbenchError(
                f"{folder}: frame {number} is missing from the sequence {first} to {last}; unpack "
                "the clip again"
            )
    return [numbered[number] for number in range(first, last + 1)]


def decode(path: Path, mode: int, what: str) -> npt.NDArray[np.uint8]:
    """Decodes an image.

    Args:
        path: The file.
        mode: What OpenCV makes of it, such as `cv2.IMREAD_GRAYSCALE`.
        what: Whose image it is, for the message.

    Raises:
        VadbenchError: It is damaged, or announces more pixels than anybody has.
    """
    import cv2

    image: npt.NDArray[np.uint8] | None = None
    why = ""
    try:
        image = cv2.imread(str(path), mode)
    except cv2.error as error:
        why = f" ({error.err})"
    if image is None:
        raise VadbenchError(
            f"{path}: {what}: cannot be decoded{why}; the file is damaged, unpack it again"
        )
    return image


class ImageClip:
    """Frames of a folder; grey images, and colour images that hold only grey, have one channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = list_frames(folder)
        self.n_frames = len(self.files)

    @cached_property
    def _shape(self) -> tuple[int, int, int]:
        import cv2

        first = self._decode(0, cv2.IMREAD_UNCHANGED)
        colour = first.ndim == 3 and any(
            np.any(first[..., 0] != first[..., channel]) for channel in (1, 2)
        )
        return first.shape[0], first.shape[1], 3 if colour else 1

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self._shape[0]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self._shape[1]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for BGR."""
        return self._shape[2]

    def _decode(self, t: int, mode: int) -> npt.NDArray[np.uint8]:
        return decode(self.files[t], mode, f"clip {self.folder.name}, frame {t}")

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns frame t, (H, W, C) uint8.

        Raises:
            VadbenchError: The file is damaged or of another size than the first frame.
        """
        import cv2

        height, width, channels = self._shape
        image = self._decode(t, cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR)
        if image.shape[:2] != (height, width):
            raise VadbenchError(
                f"{self.files[t]}: clip {self.folder.name}, frame {t}: is {image.shape[1]} x "
                f"{image.shape[0]} pixels, but the clip is {width} x {height}"
            )
        return image.reshape(height, width, channels)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the frames in order."""
        return (self.frame(t) for t in range(self.n_frames))
