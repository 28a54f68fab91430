"""UCF-Crime: the ten training and six test clips of HF2-VAD (appendix D).

W. Sultani, C. Chen, M. Shah, "Real-World Anomaly Detection in Surveillance Videos", CVPR 2018.

- official: `Training_Normal_Videos_Anomaly/Normal_Videos165_x264.mp4`,
  `Anomaly-Videos-Part-2/Explosion/Explosion004_x264.mp4`, in whatever folders the archives unpack
  to, and `Temporal_Anomaly_Annotation_for_Testing_Videos.txt`
- repacked: `training/frames/Normal_Videos165/0000.jpg`, `testing/frames/Explosion004/0000.jpg`

Clips are named without the archive's `_x264`. All other videos of the data set are passed over.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets import Clip, Labels, videos
from vadbench.datasets.labels import from_intervals
from vadbench.datasets.layouts import REPACKED, Layout, agree, label_files, relative
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import UCFCrimeSection as Section

__all__ = ["label_paths", "list_clips", "locate", "open_clip", "raw_paths", "read_labels"]

_PLACES = ("UCF_Crimes", "UCF-Crime", "ucf_crime")
_CLIPS = {
    "train": [
        f"Normal_Videos{number}" for number in (165, 256, 267, 269, 279, 301, 355, 358, 489, 624)
    ],
    "test": [
        *("Arson011", "Explosion004", "Explosion008"),
        *("Explosion013", "Explosion021", "Shooting008"),
    ],
}
_ANNOTATIONS = "Temporal_Anomaly_Annotation*.txt"
_DEPTH = 3  # folders between the data set's and a video
_OVERRUN = 30  # frames, a second, that an annotation may last longer than its video


@dataclass(frozen=True)
class _Chosen(Layout):
    """The clips of HF2-VAD out of whatever else is there."""

    def sources(self, split: str) -> dict[str, Path]:
        folder = self.folder(split)
        found: dict[str, Path] = {}
        for path in _entries(folder, _DEPTH if folder == self.base else 0):
            clip = _clip_name(path.stem if path.is_file() else path.name)
            # The archive holds fifty videos twice.
            other = found.setdefault(clip, path)
            if other is not path and clip in _CLIPS[split] and not _same_file(path, other):
                raise VadbenchError(
                    f"{folder}: the clip {clip} is there twice, as {other.relative_to(folder)} and "
                    f"{path.relative_to(folder)}, and they differ; keep one"
                )
        for clip in _CLIPS[split]:
            if clip not in found:
                raise VadbenchError(
                    f"{folder}: lacks the {split} clip {clip}; expected a video {clip}_x264.mp4 in "
                    f"it or in a folder below, or frames in {REPACKED[split == 'test']}/{clip}"
                )
        return {clip: found[clip] for clip in _CLIPS[split]}


def _entries(folder: Path, depth: int) -> Iterator[Path]:
    """Video files of a folder and, `depth` levels deep, of those in it; folders where it is 0."""
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        if entry.name[0] == ".":
            continue
        if not entry.is_dir():
            if Path(entry.name).suffix.lower() in videos.EXTENSIONS:
                yield Path(entry.path)
        elif depth:
            yield from _entries(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)


def _same_file(first: Path, second: Path) -> bool:
    return first.is_file() and second.is_file() and first.stat().st_size == second.stat().st_size


def _clip_name(name: str) -> str:
    return name.removesuffix("_x264")


def locate(section: "Section", root: Path) -> Layout:
    """Returns where the data set lies.

    Raises:
        VadbenchError: It is not there; the message says where it was looked for.
    """
    bases = [root / place for place in ([section.path] if section.path else _PLACES)]
    for base in bases:
        train, test = (base / folder for folder in REPACKED)
        if train.is_dir() and test.is_dir():
            return _Chosen(base, train, test)
        if base.is_dir():
            return _Chosen(base, base, base)
    looked = ", ".join(str(base) for base in bases)
    raise VadbenchError(
        f"ucf_crime is not there: looked for {looked}; set VADBENCH_DATA to the folder that holds "
        "the data set, or its path in config.yaml"
    )


def list_clips(section: "Section", root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in the paper's order."""
    return locate(section, root).clips()


def open_clip(section: "Section", root: Path, split: str, clip: str) -> Clip:
    """Opens a clip."""
    return locate(section, root).open(split, clip, section.colour)


def _annotations(section: "Section", layout: Layout) -> list[Path]:
    """The official text files: the named one, or all that are there."""
    if section.labels != "auto":
        named = label_files(section.labels, "ucf", layout)
        return [path for path in named if path.suffix == ".txt"]
    folders = [layout.base, *sorted(item for item in layout.base.iterdir() if item.is_dir())]
    return [path for folder in folders for path in sorted(folder.glob(_ANNOTATIONS))]


def _other_labels(section: "Section", layout: Layout) -> list[Path]:
    files = label_files(section.labels, "ucf", layout)
    return [path for path in files if path.suffix != ".txt"]


def label_paths(section: "Section", root: Path) -> list[Path]:
    """Returns the files that labels are read from."""
    layout = locate(section, root)
    return [*_other_labels(section, layout), *_annotations(section, layout)]


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    return locate(section, root).paths()


def read_labels(section: "Section", root: Path) -> Labels:
    """Reads frame labels from every chosen source and compares them.

    Frames are numbered from 1 and an interval that lasts longer than its video ends with it, as in
    the authors' evaluation; what was cut off is a warning.

    Raises:
        VadbenchError: There are none, they do not fit the videos, or two sources differ; file,
            line, clip and frame are named.
    """
    layout = locate(section, root)
    lengths = layout.lengths()
    warnings: list[str] = []

    def annotated(path: Path) -> tuple[dict[str, npt.NDArray[np.uint8]], list[Path]]:
        spans = _read_annotations(path)
        return {
            clip: _vector(spans[clip], n_frames, path, clip, warnings)
            for clip, n_frames in lengths.items()
            if clip in spans
        }, [path]

    labels = agree(
        str(layout.base),
        root,
        lengths,
        _other_labels(section, layout),
        [
            (relative(path, root), partial(annotated, path))
            for path in _annotations(section, layout)
        ],
        f"a line for it in {_ANNOTATIONS}, or a label file named in config.yaml (labels)",
    )
    return replace(labels, warnings=warnings)


def _read_annotations(path: Path) -> Mapping[str, Sequence[tuple[int, int]]]:
    """Reads lines `Name_x264.mp4 Class start end start end`, -1 for none.

    Returns:
        First and last abnormal frame, from 1, by clip.

    Raises:
        VadbenchError: A line is none of these, or a clip has two; the line is named.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VadbenchError(f"{path}: cannot be read as annotations ({error})") from error
    found: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, *rest = line.split()
        try:
            frames = [int(item) for item in rest[1:]]
            pairs = list(zip(frames[::2], frames[1::2], strict=True))
        except ValueError:
            pairs = []
        clip = _clip_name(Path(name).stem)
        if not pairs or any((a == -1) != (b == -1) or not -1 <= a <= b for a, b in pairs):
            raise VadbenchError(
                f"{path}, line {number}: {line.strip()!r}; expected a video, its class, and first "
                "and last frame of each event or -1 -1, such as: "
                "Arson011_x264.mp4 Arson 150 420 680 1267"
            )
        if clip in found:
            raise VadbenchError(f"{path}, line {number}: the clip {clip} has a line already")
        found[clip] = [(a, b) for a, b in pairs if a != -1]
    return found


def _vector(
    spans: Sequence[tuple[int, int]], n_frames: int, path: Path, clip: str, warnings: list[str]
) -> npt.NDArray[np.uint8]:
    kept = []
    for first, last in spans:
        over = last - n_frames
        if 0 < over <= _OVERRUN:
            # Without the folder, which differs between machines: it goes into the index.
            warnings.append(
                f"{path.name}: clip {clip}: abnormal frames {first} to {last} (from 1), but the "
                f"video has {n_frames}; the last {over} were left out, as the authors do"
            )
            last = n_frames
        kept.append((max(first, 1) - 1, last - 1))
    return from_intervals(kept, n_frames, f"{path}: clip {clip}")
