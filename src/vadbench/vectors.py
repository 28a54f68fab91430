"""Reads vectors of one number a frame in the file formats in which scores and labels circulate."""

import csv
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vadbench.arrays import check_matlab, load_archive, load_array
from vadbench.errors import VadbenchError

__all__ = [
    "FORMATS",
    "Vectors",
    "load_matlab",
    "natural",
    "read_vectors",
    "reading",
    "require_file",
]

Floats = npt.NDArray[np.float64]
FORMATS = (".csv", ".npy", ".npz", ".mat", ".json")
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    OverflowError,  # of numbers too long for a float
    RecursionError,  # of json, for lists in lists in lists
    MemoryError,
)
_WORDS = {
    "scores": ("score", "scores", "anomaly_score", "anomaly_scores", "y_score"),
    "labels": ("label", "labels", "gt", "y_true"),
}
_CLIPS = ("clip", "video", "name", "clip_name", "video_name")
_MOST_BYTES = 1 << 28
"""Of what a compressed file unpacks to: 33 million scores, more than any data set has frames."""


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

    def misfit(self, lengths: Mapping[str, int]) -> str:
        """Says of how many clips there are vectors, where it is not the number that there are."""
        rows, columns = len(self.values), len(self.values[0])
        is_turned = columns == len(lengths) and set(lengths.values()) == {rows}
        turned = "; the matrix looks transposed, expected a row per clip" if is_turned else ""
        return f"vectors of {rows} clips, but there are {len(lengths)}{turned}"


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which `clip10` comes after `clip9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turns whatever a damaged or hostile file raises into a message that names the file."""
    try:
        yield
    except _UNREADABLE as error:
        reason = str(error) or type(error).__name__
        raise VadbenchError(f"{path}: cannot be read as {what} ({reason})") from error


def require_file(path: Path) -> None:
    """Refuses what is no file.

    Raises:
        VadbenchError: There is nothing, or a folder.
    """
    if path.is_dir():
        raise VadbenchError(f"{path}: a folder, where one file is needed; name a file in it")
    if not path.is_file():
        raise VadbenchError(f"{path}: no such file")


def read_vectors(
    path: str | Path,
    most: int = _MOST_BYTES,
    role: Literal["scores", "labels"] = "scores",
) -> Vectors:
    """Reads vectors by the file's ending.

    - .csv: a column of numbers, or columns `clip`, `frame` (may be left out) and `score` or `label`
    - .npy: a vector, a matrix with a row per clip, or an object array of vectors, which is read
      by an unpickler that knows nothing but arrays
    - .npz: a vector, or one per clip under the clip's name
    - .mat: a vector, a cell of vectors, or variables named after the clips
    - .json: a list of numbers, of lists, or an object of lists by clip

    Args:
        path: The file.
        most: Bytes that a compressed file may unpack to.
        role: What is read of a file that names both.

    Raises:
        VadbenchError: The file is missing, damaged, or holds anything else.
    """
    path = Path(path)
    require_file(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise VadbenchError(f"{path}: vectors are read from {', '.join(FORMATS)} files")
    with reading(path, "one number a frame"):
        if suffix == ".csv":
            found = _table(path, role)
        elif suffix == ".npy":
            found = _of(path, load_array(path), role)
        elif suffix == ".npz":
            found = _of(path, load_archive(path, most), role)
        elif suffix == ".mat":
            found = _of(path, load_matlab(path, most), role)
        else:
            found = _of(path, json.loads(path.read_bytes()), role)
    if not sum(map(len, found.values)):
        raise VadbenchError(f"{path}: holds no numbers")
    return found


def load_matlab(path: Path, most: int = _MOST_BYTES) -> dict[str, Any]:
    """Loads the variables of a .mat file of MATLAB 4 or 5 by name.

    Args:
        path: The file.
        most: Bytes that they may have.

    Raises:
        VadbenchError: They are larger.
        ValueError: The file is damaged.
    """
    from h5py import is_hdf5
    from scipy.io import loadmat

    if is_hdf5(path):
        raise ValueError("it is of MATLAB 7.3; save it with -v7")
    check_matlab(path, most)
    try:
        return {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
    except Exception as error:  # A file that is damaged or hostile raises what it likes.
        raise ValueError(str(error) or type(error).__name__) from error


def _named_for(role: str, names: Iterable[str]) -> list[str]:
    """The names that say what is asked for; of a file without these, those that say the other."""
    found = {key: [name for name in names if name.lower() in _WORDS[key]] for key in _WORDS}
    return found.pop(role) or next(iter(found.values()))


def _of(path: Path, content: Any, role: str) -> Vectors:
    """Takes what a file holds for one vector or one per clip."""
    if isinstance(content, np.ndarray) and content.dtype == object and content.ndim == 0:
        content = content.item()  # What numpy.save makes of a dict.
    if isinstance(content, Mapping):
        named = {str(key): value for key, value in content.items()}
        if len(named) == 1:
            return _of(path, next(iter(named.values())), role)
        preferred = _named_for(role, named)
        if len(preferred) == 1:
            return _of(path, named[preferred[0]], role)
        return Vectors(path, [_vector(value, key) for key, value in named.items()], list(named))
    if not isinstance(content, np.ndarray | list):
        raise ValueError(f"a {type(content).__name__}, expected a list or an object of lists")
    table: npt.NDArray[Any]
    table = content if isinstance(content, np.ndarray) else np.empty(0, object)
    if table.dtype == object:
        items = list(np.ravel(content) if isinstance(content, np.ndarray) else content)
        shape = content.shape if isinstance(content, np.ndarray) else (len(content),)
        if not any(np.ndim(item) for item in items):
            table = _vector(items, "the list").reshape(shape)
        elif max(shape) != len(items):
            raise ValueError(f"a cell of shape {shape}; expected a vector per clip")
        else:
            # Of a list of clips nobody needs to guess which way it lies.
            return Vectors(path, [_vector(item, f"entry {n}") for n, item in enumerate(items)])
    if table.ndim == 2 and min(table.shape) > 1:
        if len(table) > table.shape[1]:
            raise ValueError(
                f"a matrix of {len(table)} rows and {table.shape[1]} columns, which looks "
                "transposed; expected a row per clip"
            )
        return Vectors(path, [_vector(row, "a row") for row in table])
    return Vectors(path, [_vector(table, "the array")])


def _vector(value: Any, where: str) -> Floats:
    array = np.asarray(value)
    if array.dtype == object:
        array = np.array([np.nan if item is None else float(item) for item in array.ravel()])
    if array.dtype.kind not in "buif":
        raise ValueError(f"{where} holds {array.dtype}, expected numbers")
    if array.ndim > 1 and max(array.shape) != array.size:
        raise ValueError(f"{where} has shape {array.shape}, expected one number a frame")
    return array.astype(np.float64).ravel()


def _table(path: Path, role: str) -> Vectors:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    while lines and not lines[-1][1]:
        lines.pop()  # Blank lines at the end; a row without a number elsewhere is a missing one.
    if not lines:
        return Vectors(path, [])
    header = [cell.lower() for cell in lines[0][1]] or [""]
    if all(not cell or _is_number(cell) for cell in header):
        if len(header) != 1:
            raise ValueError(f"{len(header)} columns without names; name them clip,frame,score")
        _check_width(lines, 1)
        return Vectors(path, [np.array([_number(row or [""], 0, n) for n, row in lines])])
    values = _named_for(role, header) or (header if len(header) == 1 else [])
    if len(values) != 1:
        raise ValueError(
            f"columns {', '.join(header)}; expected clip,frame,score or score, of labels "
            "clip,frame,label or clip,first,last"
        )
    _check_width(lines, len(header))
    column = header.index(values[0])
    place = next((header.index(name) for name in _CLIPS if name in header), None)
    if place is None:
        _check_numbers(header, lines)
    clips: dict[str, list[tuple[int, float]]] = {}
    for n, cells in lines[1:]:
        row = cells or ([""] if len(header) == 1 else [])
        number = _number(row, column, n)
        own = clips.setdefault("" if place is None else _cell(row, place, n), [])
        frame = _frame(row, header.index("frame"), n) if "frame" in header else len(own)
        own.append((frame, number))
    first = []
    for clip, own in clips.items():
        own.sort(key=lambda item: item[0])
        first.append(own[0][0])
        for (before, _), (after, _) in pairwise(own):
            if after != before + 1:
                what = "twice" if after == before else f"and then {after}"
                raise ValueError(f"clip {clip or 'without name'}: frame {before} is there {what}")
    series = [np.array([value for _, value in own]) for own in clips.values()]
    names = None if place is None else list(clips)
    return Vectors(path, series, names, first if "frame" in header else None)


def _check_width(lines: Sequence[tuple[int, list[str]]], width: int) -> None:
    """Refuses rows with more cells than there are columns, whose numbers would be cut."""
    for n, cells in lines:
        if any(cells[width:]):
            raise ValueError(
                f"line {n} has {len(cells)} cells for {width} columns; write decimals with a point"
            )


def _check_numbers(header: Sequence[str], lines: Sequence[tuple[int, list[str]]]) -> None:
    """Refuses a table without clips one of whose columns names something."""
    words = {*chain.from_iterable(_WORDS.values())}
    for n, cells in lines[1:]:
        for name, cell in zip(header, cells, strict=False):
            if cell and name not in words and not _is_number(cell):
                raise ValueError(
                    f"line {n}: column {name!r} holds {cell!r}; a column that names clips is "
                    "called clip, and any other one has to go"
                )


def _cell(row: Sequence[str], column: int, line: int) -> str:
    if len(row) <= column:
        raise ValueError(f"line {line} has {len(row)} columns")
    return row[column]


def _frame(row: Sequence[str], column: int, line: int) -> int:
    text = _cell(row, column, line)
    if not _is_number(text) or not float(text).is_integer():
        raise ValueError(f"line {line}: {text!r} is no number of a frame")
    return int(float(text))


def _number(row: Sequence[str], column: int, line: int) -> float:
    text = _cell(row, column, line)
    if text and not _is_number(text):
        raise ValueError(f"line {line}: {text!r} is no number")
    return float(text or "nan")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
