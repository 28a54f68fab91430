"""Clips that lie on disk as one image file per frame."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.datasets.colour import count_channels, to_grey
from vadbench.datasets.strict import STRICT
from vadbench.errors import VadbenchError

__all__ = ["EXTENSIONS", "ImageClip", "decode_mask", "list_frames"]

EXTENSIONS = frozenset({".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp"})


def list_frames(folder: Path, whole: bool = False) -> list[Path]:
    """Returns the frame files of a clip in order of their numbers.

    Args:
        folder: The folder.
        whole: Whether numbers have to start at 0 or 1, as those of published clips do; else the
            clip may be cut out of a longer one.

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
    if whole and first > 1:
        raise VadbenchError(
            f"{folder}: clip {folder.name}: frame 1 is missing, the first one is {first}; labels "
            "count frames from the clip's start, unpack it again"
        )
    for number in range(first, last + 1):
        if number not in numbered:
            raise VadbenchError(
                f"{folder}: frame {number} is missing from the sequence {first} to {last}; unpack "
                "the clip again"
            )
    return [numbered[number] for number in range(first, last + 1)]


def decode_mask(path: Path, what: str) -> npt.NDArray[np.bool_]:
    """Decodes the image of a mask, (H, W): true wherever a stored value, of any depth, is not 0.

    Raises:
        VadbenchError: It is no file, damaged, announces more pixels than anybody has, or an alpha
            channel alone tells it.
    """
    import cv2

    image = _read(path, cv2.IMREAD_UNCHANGED, what)
    if image.ndim == 2:
        return np.asarray(image != 0)
    mask = (image[..., :3] != 0).any(axis=-1)
    if image.shape[2] == 4 and not mask.any() and np.ptp(image[..., 3]):
        raise VadbenchError(
            f"{path}: {what}: only its transparency differs; save the mask in black and white"
        )
    return np.asarray(mask)


def _read(path: Path, mode: int, what: str) -> npt.NDArray[Any]:
    import cv2

    image: npt.NDArray[Any] | None = None
    why = ""
    if not path.is_file():
        raise VadbenchError(f"{path}: {what}: is no file; unpack the clip again")
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
    """Frames of a folder.

    Args:
        folder: The folder.
        colour: `grey` (one channel), `colour` (three), or `auto`: one where images hold only grey.
        whole: Whether numbers of frames have to start at 0 or 1 (see `list_frames`).
    """

    fps = None  # Images say nothing of time.

    def __init__(self, folder: Path, colour: str = "auto", whole: bool = False) -> None:
        self.folder, self.colour = folder, colour
        self.files = list_frames(folder, whole)
        self.n_frames = len(self.files)

    @cached_property
    def _shape(self) -> tuple[int, int, int]:
        height, width = self._decode(0).shape[:2]
        return height, width, count_channels(self.colour, self.n_frames, self._decode)

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

    def _decode(self, t: int) -> npt.NDArray[np.uint8]:
        import cv2

        path, what = self.files[t], self.where(t)
        image = _read(path, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH, what)
        if image.dtype != np.uint8:
            # OpenCV's own reduction drops all but the highest bits, often all that there are.
            raise VadbenchError(
                f"{path}: {what}: has values of {8 * image.itemsize} bits; convert the images to 8"
            )
        return image

    def where(self, t: int) -> str:
        """Names frame t in messages."""
        return f"clip {self.folder.name}, frame {t}"

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns frame t, (H, W, C) uint8.

        Raises:
            VadbenchError: The file is damaged, of more than 8 bits, of another size than the first
                frame, or in colour where the clip was taken for grey.
        """
        height, width, channels = self._shape
        image = self._decode(t)
        if image.shape[:2] != (height, width):
            raise VadbenchError(
                f"{self.files[t]}: {self.where(t)}: is {image.shape[1]} x {image.shape[0]} "
                f"pixels, but the clip is {width} x {height}"
            )
        if channels == 1:
            return to_grey(image, self.colour, self.files[t], self.where(t))
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the frames in order."""
        return (self.frame(t) for t in range(self.n_frames))

    def verify(self, t: int) -> None:
        """Refuses a JPEG that is cut off or damaged, which OpenCV fills up with grey.

        Of other formats OpenCV says itself that one is cut off.

        Raises:
            VadbenchError: The file of frame t is damaged.
        """
        path = self.files[t]
        with path.open("rb") as stream:
            # Whatever its name ends in: OpenCV goes by the content.
            if stream.read(3) != b"\xff\xd8\xff":
                return
        import av

        codec = av.CodecContext.create("mjpeg", "r")
        codec.options = STRICT
        try:
            content = path.read_bytes()
            frames = [*codec.decode(av.Packet(content)), *codec.decode(None)]
            # The marker of the end follows that of the last scan, within which it cannot occur.
            whole = content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
            why = "" if whole and len(frames) == 1 and not frames[0].is_corrupt else "it is cut off"
        except (av.error.FFmpegError, OSError) as error:
            why = str(error)
        if why:
            raise VadbenchError(
                f"{path}: {self.where(t)}: cannot be decoded ({why}); the file is damaged, unpack "
                "it again"
            )
