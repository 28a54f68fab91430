"""Where clips and label files lie: what the families on disk have in common.

A split is a folder; each clip in it is a folder of numbered images or a video file.
"""

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets import videos
from vadbench.datasets.images import ImageClip
from vadbench.datasets.labels import READERS, read_label_file
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets import Clip, Labels

__all__ = [
    "Layout",
    "agree",
    "find_layout",
    "label_files",
    "list_sources",
    "open_path",
    "relative",
]

Vectors = dict[str, npt.NDArray[np.uint8]]
_SIGNS = " _.+@()-"
REPACKED = ("training/frames", "testing/frames")
"""Folders of the splits in the layout that most code for video anomaly detection has."""


@dataclass(frozen=True)
class Layout:
    """Where the clips of each split lie.

    Attributes:
        base: The data set's folder.
        train, test: Folders of the splits.
    """

    base: Path
    train: Path
    test: Path

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
        return open_path(self.sources(split).get(clip, self.folder(split) / clip), colour, size)

    def lengths(self) -> dict[str, int]:
        """Frames of each test clip."""
        return {clip: open_path(path).n_frames for clip, path in self.sources("test").items()}

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


def open_path(path: Path, colour: str = "auto", size: tuple[int, int] | None = None) -> "Clip":
    """Opens a folder of images, or a video file whose frames are resized to `size` if given."""
    return ImageClip(path, colour) if path.is_dir() else videos.VideoClip(path, size, colour)


def relative(path: Path, root: Path) -> str:
    """Returns a path as it is below the data root, or whole where it lies elsewhere."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def label_files(labels: str, subset: str, layout: Layout) -> list[Path]:
    """Returns the label files that a setting asks for.

    Args:
        labels: `masks` for none, `auto` for every file that looks like the data set's own, or the
            name of one below its folder.
        subset: The data set's name, which its label files have in theirs.
        layout: Where it lies.

    Raises:
        VadbenchError: The named file is missing.
    """
    if labels == "masks":
        return []
    if labels != "auto":
        path = layout.base / labels
        if not path.is_file():
            raise VadbenchError(f"{path}: no such label file (labels of {subset})")
        return [path]
    found = []
    folders = [layout.test, layout.base, layout.test.parent, layout.base.parent]
    for folder in dict.fromkeys(folders):
        # Beside the data set's own folder lie other sets' labels too: take only named ones there.
        for item in sorted(folder.iterdir()):
            name = item.name.lower()
            own = subset in name
            if item.suffix in READERS and (
                own or (folder != layout.base.parent and ("label" in name or "gt" in name))
            ):
                found.append(item)
    return found


def agree(
    what: str,
    root: Path,
    lengths: Mapping[str, int],
    files: Sequence[Path],
    others: Sequence[tuple[str, Callable[[], tuple[Vectors, list[Path]]]]],
    expected: str,
) -> "Labels":
    """Reads labels from every source that there is, which must agree.

    Args:
        what: Name of the data set.
        root: The data root.
        lengths: Frames of each test clip.
        files: Label files.
        others: Further sources: what they are called, and a function that returns their labels and
            the files that these are from.
        expected: What is looked for, for the message where there is nothing.

    Returns:
        Labels with the SHA-256 of the first source.

    Raises:
        VadbenchError: There are none, or two sources differ; clip and frame are named.
    """
    from vadbench.datasets import Labels

    sources = [(relative(path, root), read_label_file(path, lengths)) for path in files]
    hashed = files[:1]
    for name, read in others:
        vectors, paths = read()
        if vectors:
            hashed = hashed or paths
            sources.append((name, vectors))
    if not sources or set(sources[0][1]) != set(lengths):
        lacking = sorted(set(lengths) - set(sources[0][1])) if sources else list(lengths)
        raise VadbenchError(f"{what}: no frame labels for clip {lacking[0]}; expected {expected}")
    first_name, first = sources[0]
    for name, labels in sources[1:]:
        for clip, vector in labels.items():
            different = np.flatnonzero(vector != first[clip])
            if len(different):
                raise VadbenchError(
                    f"{first_name} and {name} disagree: clip {clip}, frame {different[0]} (from 0) "
                    f"is {first[clip][different[0]]} in the first and {vector[different[0]]} in "
                    "the second; say which counts with the data set's key 'labels'"
                )
    digest = hashlib.sha256()
    for path in hashed:
        digest.update(path.read_bytes())
    return Labels(" = ".join(name for name, _ in sources), digest.hexdigest(), first)
