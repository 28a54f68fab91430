"""Handwritten digits as a data set: one digit is normal, all others are not.

For the memory toy of HF2-VAD (Sec. 4.1). MNIST where torchvision's copy lies below the data root,
else the digits that scikit-learn ships. A split is one clip whose frames are digits.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import DigitsSection as Section

__all__ = [
    "TEST_CLIP",
    "DigitClip",
    "has_mnist",
    "list_clips",
    "load",
    "mnist_files",
    "open_clip",
    "raw_paths",
]

TEST_CLIP = "all"
_CLIPS = {"train": "normal", "test": TEST_CLIP}
_TRAINING = 1000
"""The first of scikit-learn's 1797 digits are for training; MNIST has a split of its own."""


def _files(root: Path) -> list[Path]:
    folder = root / "MNIST/raw"
    return sorted(folder.glob("*-ubyte")) if folder.is_dir() else []


def mnist_files(section: "Section", root: Path) -> list[Path]:
    """Returns MNIST's files, if they are used."""
    return _files(root) if has_mnist(section, root) else []


def has_mnist(section: "Section", root: Path) -> bool:
    """Whether digits are MNIST's rather than scikit-learn's.

    Raises:
        VadbenchError: MNIST is asked for and not there.
    """
    there = len(_files(root)) >= 4
    if section.source == "mnist" and not there:
        raise VadbenchError(
            f"MNIST is not there: looked for its four files in {root / 'MNIST/raw'}; put them "
            "there, or take the data set's source sklearn"
        )
    return there and section.source != "sklearn"


def load(
    section: "Section", root: Path, split: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Returns images (N, H, W) and digits (N,) of a split."""
    if has_mnist(section, root):
        from torchvision.datasets import MNIST

        found = MNIST(str(root), train=split == "train", download=False)
        images, digits = found.data.numpy(), found.targets.numpy()
    else:
        from sklearn.datasets import load_digits

        bundled = load_digits()
        part = slice(None, _TRAINING) if split == "train" else slice(_TRAINING, None)
        images = (bundled.images[part] * (255 / 16)).round().astype(np.uint8)
        digits = bundled.target[part]
    if split == "train":
        normal = digits == section.normal
        images, digits = images[normal], digits[normal]
    return images, digits


class DigitClip:
    """Digits as the frames of a clip."""

    channels = 1
    fps = None

    def __init__(self, images: npt.NDArray[np.uint8]) -> None:
        self._images = images
        self.n_frames, self.height, self.width = images.shape

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns digit t, (H, W, 1) uint8."""
        return self._images[t][..., None]

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the digits in order."""
        return (self.frame(t) for t in range(self.n_frames))


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns one clip per split."""
    has_mnist(section, root)
    return {split: [clip] for split, clip in _CLIPS.items()}


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns MNIST's files for each clip, or none: bundled digits do not change."""
    files = mnist_files(section, root)
    return {f"{split}/{clip}": files for split, clip in _CLIPS.items()}


def open_clip(section: "Section", root: Path, split: str, clip: str) -> DigitClip:
    """Opens the digits of a split."""
    return DigitClip(load(section, root, split)[0])
