"""Frame labels in the file formats in which they circulate.

All readers give one 0/1 vector per test clip, in the order of the clips. Pickles are read only by
an unpickler that knows nothing but NumPy arrays.
"""

import csv
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError

__all__ = ["READERS", "from_intervals", "intervals", "read_label_file"]

Vector = npt.NDArray[np.uint8]
Lengths = Mapping[str, int]


def from_intervals(spans: Sequence[tuple[int, int]], n_frames: int, where: str) -> Vector:
    """Returns (T,) uint8 that is 1 inside the inclusive 0-based intervals.

    Raises:
        VadbenchError: An interval lies outside the clip or ends before it starts.
    """
    labels = np.zeros(n_frames, np.uint8)
    for start, end in spans:
        if not 0 <= start <= end < n_frames:
            raise VadbenchError(
                f"{where}: abnormal frames {start} to {end} (from 0), but the clip has {n_frames} "
                "frames; labels and frames are not of the same data set"
            )
        labels[start : end + 1] = 1
    return labels


def intervals(labels: npt.ArrayLike) -> list[tuple[int, int]]:
    """Returns the inclusive 0-based intervals in which a 0/1 vector is 1."""
    padded = np.concatenate([[0], np.asarray(labels, np.int8), [0]])
    changes = np.flatnonzero(np.diff(padded))
    return [(int(a), int(b) - 1) for a, b in zip(changes[::2], changes[1::2], strict=True)]


_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    NotImplementedError,  # of scipy, for MATLAB 7.3
    RecursionError,  # of json, for lists in lists in lists
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
_MOST_BYTES = 64
"""More than any form of a label takes."""


def read_label_file(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """Reads a label file by its ending.

    Args:
        path: A .m, .mat, .npy, .npz or .json file.
        lengths: Number of frames of each test clip, in order.

    Returns:
        For each clip (T,) uint8.

    Raises:
        VadbenchError: The file is damaged, or fits the clips in number or length not.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise VadbenchError(f"{path}: labels are read from {', '.join(READERS)} files")
    try:
        return reader(path, lengths)
    except _UNREADABLE as error:
        raise VadbenchError(f"{path}: cannot be read as labels ({error})") from error


def _matlab_script(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """UCSD's own `UCSDped2.m`: one `gt_frame = [61:180];` per clip, from 1."""
    text = re.sub(r"%[^\n]*", "", path.read_text(errors="replace"))
    entries = re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", text)
    spans = []
    for entry in entries:
        clip = []
        for part in re.split(r"[,;\s]+", re.sub(r"\s*:\s*", ":", entry).strip()):
            if not part:
                continue
            found = re.fullmatch(r"(\d+)(?::(\d+))?", part)
            if found is None:
                raise ValueError(f"{part!r} is no frame number and no range")
            clip.append((int(found[1]) - 1, int(found[2] or found[1]) - 1))
        spans.append(clip)
    return _of_spans(path, spans, lengths)


def _matlab_file(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """`ped2.mat` of the repacks: a cell `gt` with a 2 x N array of first and last frame, from 1."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    from vadbench.arrays import check_matlab

    check_matlab(path, _MOST_BYTES * (sum(lengths.values()) + 16 * len(lengths)))
    try:
        content = {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
    except MatReadError as error:
        raise ValueError(str(error)) from error
    cell = content.get("gt", next(iter(content.values()), None))
    if cell is None:
        raise ValueError("it holds no variable")
    if cell.dtype != object:
        return _of_vectors(path, [cell], lengths)
    items = [np.asarray(item) for item in cell.ravel()]
    if all(item.ndim == 2 and item.shape[0] == 2 for item in items):
        spans = [[(int(a) - 1, int(b) - 1) for a, b in item.T] for item in items]
        return _of_spans(path, spans, lengths)
    return _of_vectors(path, items, lengths)


def _numpy_file(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """One flat vector over all clips, or an object array of one vector per clip."""
    from vadbench.arrays import load_array

    values = load_array(path)
    return _of_vectors(path, list(values) if values.dtype == object else [values], lengths)


def _numpy_archive(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """Arrays named after the clips, or one flat vector."""
    from vadbench.arrays import load_archive

    return _of_named(path, load_archive(path, _MOST_BYTES * sum(lengths.values())), lengths)


def _json_file(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """An object of 0/1 lists by clip, a list of them in clip order, or one flat list."""
    content = json.loads(path.read_text())
    if isinstance(content, dict):
        return _of_named(path, content, lengths)
    nested = bool(content) and isinstance(content[0], list)
    return _of_vectors(path, content if nested else [content], lengths)


def _of_named(path: Path, content: Mapping[str, Any], lengths: Lengths) -> dict[str, Vector]:
    if len(content) == 1 and len(lengths) > 1:
        return _of_vectors(path, list(content.values()), lengths)
    missing = [clip for clip in lengths if clip not in content]
    if missing:
        raise VadbenchError(f"{path}: has no labels for clip {missing[0]}")
    return _of_vectors(path, [content[clip] for clip in lengths], lengths)


def _of_spans(
    path: Path, spans: Sequence[Sequence[tuple[int, int]]], lengths: Lengths
) -> dict[str, Vector]:
    if len(spans) != len(lengths):
        raise VadbenchError(
            f"{path}: labels {len(spans)} clips, but there are {len(lengths)} test clips"
        )
    return {
        clip: from_intervals(clip_spans, n_frames, f"{path}: clip {clip}")
        for (clip, n_frames), clip_spans in zip(lengths.items(), spans, strict=True)
    }


def _of_vectors(path: Path, vectors: Sequence[Any], lengths: Lengths) -> dict[str, Vector]:
    flat = [np.asarray(vector).ravel() for vector in vectors]
    total = sum(lengths.values())
    if len(flat) == 1 and len(lengths) != 1:
        if len(flat[0]) != total:
            raise VadbenchError(
                f"{path}: holds {len(flat[0])} labels, but the test clips have {total} frames"
            )
        flat = np.split(flat[0], np.cumsum(list(lengths.values()))[:-1])
    if len(flat) != len(lengths):
        raise VadbenchError(
            f"{path}: labels {len(flat)} clips, but there are {len(lengths)} test clips"
        )
    labels = {}
    for (clip, n_frames), vector in zip(lengths.items(), flat, strict=True):
        if len(vector) != n_frames:
            raise VadbenchError(f"{path}: clip {clip}: {len(vector)} labels for {n_frames} frames")
        wrong = np.flatnonzero(~np.isin(vector, [0, 1]))
        if len(wrong):
            raise VadbenchError(
                f"{path}: clip {clip}, frame {wrong[0]}: label {vector[wrong[0]]}, expected 0 or 1"
            )
        labels[clip] = vector.astype(np.uint8)
    return labels


def _table(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """A table `clip,first,last` of abnormal frames, from 0, inclusive; all others are normal."""
    spans: dict[str, list[tuple[int, int]]] = {clip: [] for clip in lengths}
    with path.open(newline="") as stream:
        reader = csv.DictReader(stream)
        if not {"clip", "first", "last"} <= set(reader.fieldnames or ()):
            raise ValueError("the first line has to be: clip,first,last")
        for row in reader:
            if row["clip"] not in spans:
                raise VadbenchError(
                    f"{path}, line {reader.line_num}: there is no test clip {row['clip']!r}"
                )
            spans[row["clip"]].append((int(row["first"]), int(row["last"])))
    return _of_spans(path, list(spans.values()), lengths)


READERS: dict[str, Callable[[Path, Lengths], dict[str, Vector]]] = {
    ".csv": _table,
    ".m": _matlab_script,
    ".mat": _matlab_file,
    ".npy": _numpy_file,
    ".npz": _numpy_archive,
    ".json": _json_file,
}
"""Readers by file ending."""
