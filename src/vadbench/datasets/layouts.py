"""Where clips lie: what the families on disk have in common.

A split is a folder; each clip in it is a folder of numbered images or a video file.
"""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.datasets import videos
from vadbench.datasets.images import ImageClip
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets import Clip

__all__ = [
    "Layout",
    "find_layout",
    "list_sources",
    "relative",
]

_SIGNS = " _.+@()-"
REPACKED = ("training/frames", "testing/frames")
"""Folders of the splits in the layout that most code for video anomaly detection has."""


@dataclass(frozen=True)
class Layout:
    """Where the clips of each split lie.

    Attributes:
        base: The data set's folder.
        train, test: Folders of the splits.
        whole: Whether clips start at frame 0 or 1, as published ones do.
    """

    base: Path
    train: Path
    test: Path
    whole: bool = True

    def folder(self, split: str) -> Path:
        """Folder of a split."""
        return self.train if split == "train" else self.test

    def sources(self, split: str) -> dict[str, Path]:
        """Folder of images or video file of each clip of a split, in order."""
        return list_sources(self.folder(split))

    def clips(self) -> dict[str, list[str]]:
        """Clip names of each split, in order."""
        return {split: list(self.sources(split)) for split in ("train", "test")}

    def open(
        self, split: str, clip: str, colour: str, size: tuple[int, int] | None = None
    ) -> "Clip":
        """Opens a clip; a video's frames are resized to a width and height if asked for."""
        path = self.sources(split).get(clip, self.folder(split) / clip)
        return self._open(path, colour, size)

    def _open(
        self, path: Path, colour: str = "auto", size: tuple[int, int] | None = None
    ) -> "Clip":
        if path.is_dir():
            return ImageClip(path, colour, self.whole)
        return videos.VideoClip(path, size, colour)

    def lengths(self) -> dict[str, int]:
        """Frames of each test clip."""
        return {clip: self._open(path).n_frames for clip, path in self.sources("test").items()}

    def paths(self) -> dict[str, list[Path]]:
        """What each clip lies in, by `<split>/<clip>`."""
        return {
            f"{split}/{clip}": [path]
            for split in ("train", "test")
            for clip, path in self.sources(split).items()
        }


def find_layout(
    what: str, root: Path, places: Iterable[str], splits: Sequence[tuple[str, str]]
) -> Layout:
    """Looks for a data set.

    Args:
        what: Its name, for the message.
        root: The data root.
        places: Folders below the root where it may lie.
        splits: Pairs of training and test folder in which it is published.

    Raises:
        VadbenchError: It is in none of them; the message says where it was looked for.
    """
    places = list(places)
    for place in places:
        base = root / place
        for train, test in splits:
            if (base / train).is_dir() and (base / test).is_dir():
                return Layout(base, base / train, base / test)
    pairs = ", or ".join(f"{train} and {test}" for train, test in splits)
    looked = ", ".join(str(root / place) for place in places)
    raise VadbenchError(
        f"{what} is not there: looked for folders {pairs}, in {looked}; set VADBENCH_DATA to the "
        "folder that holds the data set, or its path in config.yaml"
    )


def list_sources(folder: Path) -> dict[str, Path]:
    """Returns the clips of a split by name, in order: folders of images and video files.

    Raises:
        VadbenchError: There are none, two have the same name, or a name has signs in it that mean
            something to a shell or a terminal.
    """
    found: dict[str, Path] = {}
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        if entry.name[0] == "." or entry.name.endswith("_gt"):
            continue
        path = Path(entry.path)
        is_video = path.suffix.lower() in videos.EXTENSIONS
        if not entry.is_dir() and not is_video:
            continue
        name = path.stem if is_video else path.name
        if strange := [letter for letter in name if not _is_plain(letter)]:
            raise VadbenchError(
                f"{folder}: the clip {name!r} has {strange[0]!r} in its name; rename it: names of "
                "clips become names of files, jobs and plots, and are of letters, digits, spaces "
                f"and {' '.join(_SIGNS.strip())}"
            )
        if name in found:
            raise VadbenchError(
                f"{folder}: the clip {name} is there twice, as {found[name].name} and "
                f"{path.name}; keep one"
            )
        found[name] = path
    if not found:
        raise VadbenchError(f"{folder}: holds no clips (folders of images, or video files)")
    return found


def _is_plain(letter: str) -> bool:
    """Whether a letter of any script, its accent, a digit, or one of a few signs."""
    return letter.isalnum() or letter in _SIGNS or unicodedata.category(letter)[0] == "M"


def relative(path: Path, root: Path) -> str:
    """Returns a path as it is below the data root, or whole where it lies elsewhere."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
