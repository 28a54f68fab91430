"""Reads vectors of one number a frame in the file formats in which scores and labels circulate."""

import csv
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.arrays import load_array
from vadbench.errors import VadbenchError

__all__ = ["FORMATS", "Vectors", "natural", "read_vectors"]

Floats = npt.NDArray[np.float64]
FORMATS = (".csv", ".npy", ".npz", ".mat", ".json")
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    NotImplementedError,  # of scipy, for MATLAB 7.3
    zipfile.BadZipFile,
    zlib.error,
)
_WORDS = ("score", "scores", "label", "labels", "gt", "anomaly_score", "anomaly_scores")


@dataclass(frozen=True)
class Vectors:
    """Vectors of a file.

    Attributes:
        path: The file.
        values: One vector over all clips, or one per clip.
        names: Clip of each vector, where the file names clips.
        first: Number of each vector's first frame, where the file numbers frames.
    """

    path: Path
    values: Sequence[Floats]
    names: Sequence[str] | None = None
    first: Sequence[int] | None = field(default=None)

    @property
    def is_flat(self) -> bool:
        """Whether one vector stands for however many clips there are."""
        return len(self.values) == 1 and self.names is None


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which `clip10` comes after `clip9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def read_vectors(path: str | Path) -> Vectors:
    """Reads vectors by the file's ending.

    - .csv: a column of numbers, or columns `clip`, `frame` (may be left out) and `score` or `label`
    - .npy: a vector, a matrix with a row per clip, or an object array of vectors, which is read
      by an unpickler that knows nothing but arrays
    - .npz: a vector, or one per clip under the clip's name
    - .mat: a vector, a cell of vectors, or variables named after the clips
    - .json: a list of numbers, of lists, or an object of lists by clip

    Raises:
        VadbenchError: The file is missing, damaged, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise VadbenchError(f"{path}: no such file")
    reader = {
        ".csv": _table,
        ".npy": _array,
        ".npz": _archive,
        ".mat": _matlab,
        ".json": _json,
    }.get(path.suffix.lower())
    if reader is None:
        raise VadbenchError(f"{path}: vectors are read from {', '.join(FORMATS)} files")
    try:
        found = reader(path)
    except _UNREADABLE as error:
        raise VadbenchError(f"{path}: cannot be read as one number a frame ({error})") from error
    if not found.values or not sum(map(len, found.values)):
        raise VadbenchError(f"{path}: holds no numbers")
    return found


def _of(path: Path, content: Any) -> Vectors:
    """Takes what a file holds for one vector or one per clip."""
    if isinstance(content, Mapping):
        named = {str(key): value for key, value in content.items()}
        if len(named) == 1:
            return _of(path, next(iter(named.values())))
        preferred = [key for key in named if key.lower() in _WORDS]
        if len(preferred) == 1:
            return _of(path, named[preferred[0]])
        values = [_vector(path, value, f"{key}") for key, value in named.items()]
        return Vectors(path, values, list(named))
    array = content if isinstance(content, np.ndarray) else None
    if array is not None and array.dtype != object:
        if array.ndim == 2 and min(array.shape) > 1:
            return Vectors(path, [_vector(path, row, "a row") for row in array])
        if array.ndim > 2 and sorted(array.shape)[-2] > 1:
            raise ValueError(f"an array of shape {array.shape}; expected one number a frame")
        return Vectors(path, [_vector(path, array, "the array")])
    items = list(array.ravel()) if array is not None else list(content)
    if all(np.ndim(item) == 0 for item in items):
        return Vectors(path, [_vector(path, items, "the list")])
    return Vectors(path, [_vector(path, item, f"entry {n}") for n, item in enumerate(items)])


def _vector(path: Path, value: Any, where: str) -> Floats:
    array = np.asarray(value)
    if array.dtype == object:
        array = np.array([float(item) for item in array.ravel()])
    if array.dtype.kind not in "buif":
        raise ValueError(f"{where} holds {array.dtype}, expected numbers")
    if array.ndim > 1 and max(array.shape) != array.size:
        raise ValueError(f"{where} has shape {array.shape}, expected one number a frame")
    return array.astype(np.float64).ravel()


def _array(path: Path) -> Vectors:
    return _of(path, load_array(path))


def _archive(path: Path) -> Vectors:
    with np.load(path, allow_pickle=False) as content:
        return _of(path, {name: content[name] for name in content.files})


def _matlab(path: Path) -> Vectors:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
    except MatReadError as error:
        raise ValueError(str(error)) from error
    return _of(path, content)


def _json(path: Path) -> Vectors:
    content = json.loads(path.read_text())
    if not isinstance(content, dict | list):
        raise ValueError(f"a {type(content).__name__}, expected a list or an object of lists")
    return _of(path, content)


def _table(path: Path) -> Vectors:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    if not rows:
        return Vectors(path, [])
    header = [cell.strip().lower() for cell in rows[0]]
    if all(map(_is_number, header)):
        if len(header) != 1:
            raise ValueError(f"{len(header)} columns without names; name them clip,frame,score")
        return Vectors(path, [np.array([_number(row, 0, n) for n, row in enumerate(rows, 1)])])
    values = [name for name in header if name in _WORDS] or (header if len(header) == 1 else [])
    if len(values) != 1:
        raise ValueError(f"columns {', '.join(header)}; expected clip,frame,score or score")
    column = header.index(values[0])
    clips: dict[str, list[tuple[int, float]]] = {}
    for n, row in enumerate(rows[1:], 2):
        clip = row[header.index("clip")].strip() if "clip" in header else ""
        own = clips.setdefault(clip, [])
        frame = int(row[header.index("frame")]) if "frame" in header else len(own)
        own.append((frame, _number(row, column, n)))
    first = []
    for clip, own in clips.items():
        own.sort(key=lambda item: item[0])
        first.append(own[0][0])
        for (before, _), (after, _) in pairwise(own):
            if after != before + 1:
                what = "twice" if after == before else f"and then {after}"
                raise ValueError(f"clip {clip or 'without name'}: frame {before} is there {what}")
    series = [np.array([value for _, value in own]) for own in clips.values()]
    names = list(clips) if "clip" in header else None
    return Vectors(path, series, names, first if "frame" in header else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(row: Sequence[str], column: int, line: int) -> float:
    if len(row) <= column:
        raise ValueError(f"line {line} has {len(row)} columns")
    text = row[column].strip()
    if not text:
        return float("nan")
    if not _is_number(text):
        raise ValueError(f"line {line}: {text!r} is no number")
    return float(text)
