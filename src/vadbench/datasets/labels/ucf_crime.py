"""Labels of UCF-Crime: the temporal annotations, or a file with a label for each frame."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets import Labels
from vadbench.datasets.intervals import from_intervals
from vadbench.datasets.labels.sources import agree, label_files
from vadbench.datasets.layouts import Layout, relative
from vadbench.datasets.ucf_crime import clip_name, locate
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets.sections import UCFCrimeSection as Section

__all__ = ["label_paths", "read_labels"]

_ANNOTATIONS = "Temporal_Anomaly_Annotation*.txt"
_OVERRUN = 30  # frames, a second, that an annotation may last longer than its video


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
        clip = clip_name(Path(name).stem)
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
