"""UCF-Crime: the ten training and six test clips of HF2-VAD (appendix D).

W. Sultani, C. Chen, M. Shah, "Real-World Anomaly Detection in Surveillance Videos", CVPR 2018.

- official: `Training_Normal_Videos_Anomaly/Normal_Videos165_x264.mp4`,
  `Anomaly-Videos-Part-2/Explosion/Explosion004_x264.mp4`, in whatever folders the archives unpack
  to, and `Temporal_Anomaly_Annotation_for_Testing_Videos.txt`
- repacked: `training/frames/Normal_Videos165/0000.jpg`, `testing/frames/Explosion004/0000.jpg`

Clips are named without the archive's `_x264`. All other videos of the data set are passed over.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.datasets import Clip, videos
from vadbench.datasets.layouts import REPACKED, Layout
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import UCFCrimeSection as Section

__all__ = ["clip_name", "list_clips", "locate", "open_clip", "raw_paths"]

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
_DEPTH = 3  # folders between the data set's and a video


@dataclass(frozen=True)
class _Chosen(Layout):
    """The clips of HF2-VAD out of whatever else is there."""

    def sources(self, split: str) -> dict[str, Path]:
        folder = self.folder(split)
        found: dict[str, Path] = {}
        for path in _entries(folder, _DEPTH if folder == self.base else 0):
            clip = clip_name(path.stem if path.is_file() else path.name)
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


def clip_name(name: str) -> str:
    """Returns the name of a clip, which is a video's without the archive's `_x264`."""
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


def raw_paths(section: "Section", root: Path) -> dict[str, list[Path]]:
    """Returns the folder or video of each clip."""
    return locate(section, root).paths()
