"""Frame labels in the file formats in which they circulate.

All readers give one 0/1 vector per test clip, in the order of the clips. Pickles are read only by
an unpickler that knows nothing but NumPy arrays.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.datasets.intervals import from_intervals
from vadbench.errors import VadbenchError
from vadbench.vectors import Vectors, load_matlab, read_vectors, reading

__all__ = [
    "READERS",
    "holds_intervals",
    "labels_of",
    "read_label_file",
]

Vector = npt.NDArray[np.uint8]
Lengths = Mapping[str, int]


_MOST_BYTES = 64
"""More than any form of a label takes."""


def holds_intervals(path: Path) -> bool:
    """Whether a label file lists first and last frames rather than a label for each frame.

    Raises:
        VadbenchError: The file is damaged.
    """
    with reading(path, "labels"):
        if path.suffix.lower() == ".csv":
            return {"first", "last"} <= set(_header(path))
        if path.suffix.lower() == ".mat":
            return _cell_of_intervals(load_matlab(path)) is not None
        return path.suffix.lower() == ".m"


def read_label_file(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """Reads a label file by its ending.

    Args:
        path: A .csv, .m, .mat, .npy, .npz or .json file.
        lengths: Number of frames of each test clip, in order.

    Returns:
        For each clip (T,) uint8.

    Raises:
        VadbenchError: The file is damaged, or fits the clips in number or length not.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise VadbenchError(f"{path}: labels are read from {', '.join(READERS)} files")
    with reading(path, "labels"):
        return reader(path, lengths)


def labels_of(vectors: Vectors, lengths: Lengths) -> dict[str, Vector]:
    """Takes vectors for the labels of clips: one over all, one per clip in order, or by name.

    Args:
        vectors: What a label file holds.
        lengths: Number of frames of each test clip, in order.

    Raises:
        VadbenchError: They fit the clips in number or length not, or a label is not 0 or 1.
    """
    path, values, total = vectors.path, list(vectors.values), sum(lengths.values())
    firsts = list(vectors.first or [0] * len(values))
    if vectors.names is not None:
        places = {name: number for number, name in enumerate(vectors.names)}
        missing = [clip for clip in lengths if clip not in places]
        if missing:
            known = ", ".join(vectors.names)
            raise VadbenchError(f"{path}: has no labels for clip {missing[0]}, but for {known}")
        values = [values[places[clip]] for clip in lengths]
        firsts = [firsts[places[clip]] for clip in lengths]
    elif len(values) == 1 and len(lengths) != 1:
        if len(values[0]) != total:
            raise VadbenchError(
                f"{path}: holds {len(values[0])} labels, but the test clips have {total} frames"
            )
        values = np.split(values[0], np.cumsum(list(lengths.values()))[:-1])
        firsts = firsts + [0] * (len(values) - 1)
    if len(values) != len(lengths):
        raise VadbenchError(f"{path}: {vectors.misfit(lengths)}")
    labels = {}
    for (clip, n_frames), vector, first in zip(lengths.items(), values, firsts, strict=True):
        if len(vector) != n_frames:
            raise VadbenchError(f"{path}: clip {clip}: {len(vector)} labels for {n_frames} frames")
        if first not in {0, 1}:
            raise VadbenchError(f"{path}: clip {clip}: labels start at frame {first}, expected 0")
        wrong = np.flatnonzero(~np.isin(vector, [0, 1]))
        if len(wrong):
            raise VadbenchError(
                f"{path}: clip {clip}, frame {wrong[0]}: label {vector[wrong[0]]:g}, expected "
                "0 or 1"
            )
        labels[clip] = vector.astype(np.uint8)
    return labels


def _matlab_script(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """UCSD's own `UCSDped2.m`: one `gt_frame = [61:180];` per clip, from 1."""
    text = re.sub(r"%[^\n]*", "", path.read_text(encoding="utf-8", errors="replace"))
    spans = []
    for entry in _entries(path, text):
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


_ENTRY = re.compile(
    r"""(?: [{(] (?P<index>[^{}()]{,40}) [})] \s* \. \s* )?
    \b gt_frame \s* = \s* \[ (?P<frames>[^\]]*) \]""",
    re.VERBOSE,
)


def _entries(path: Path, text: str) -> list[str]:
    """What the brackets of each `gt_frame = [...]` hold, in order of the clips.

    `x{2}.gt_frame` is of the second clip; `x{end+1}.gt_frame`, or without an index, of the next.

    Raises:
        VadbenchError: Only some have a number, or one is there twice or missing; the line is named.
    """
    found: dict[int, str] = {}
    lines: dict[int, int] = {}
    numbered = False
    for entry in _ENTRY.finditer(text):
        line = text.count("\n", 0, entry.start()) + 1
        index = re.sub(r"\s", "", entry["index"] or "end+1")
        where = f"{path}, line {line}: gt_frame of index {index}"
        if index != "end+1" and not (index.isdecimal() and int(index)):
            raise VadbenchError(f"{where}; expected a clip's number, from 1, or end+1")
        if found and numbered != (index != "end+1"):
            raise VadbenchError(
                f"{where}, where those before have {'numbers' if numbered else 'none'}; number "
                "all clips or none"
            )
        numbered = index != "end+1"
        number = int(index) if numbered else len(found) + 1
        if number in found:
            raise VadbenchError(f"{where} is there twice; keep one")
        found[number], lines[number] = entry["frames"], line
    for expected, number in enumerate(sorted(found), 1):
        if number != expected:
            raise VadbenchError(
                f"{path}, line {lines[number]}: gt_frame of index {number}, but none of index "
                f"{expected}; expected one for each clip, from 1"
            )
    return [found[number] for number in sorted(found)]


def _matlab_file(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """`ped2.mat` of the repacks: a cell `gt` with a 2 x N array of first and last frame, from 1."""
    cell = _cell_of_intervals(load_matlab(path, _most(lengths)))
    if cell is None:
        return _vectors(path, lengths)
    spans = [[(int(a) - 1, int(b) - 1) for a, b in item.T] for item in cell]
    return _of_spans(path, spans, lengths)


def _cell_of_intervals(content: Mapping[str, Any]) -> list[npt.NDArray[Any]] | None:
    cell = content.get("gt", next(iter(content.values()), None))
    items = list(cell.ravel()) if isinstance(cell, np.ndarray) and cell.dtype == object else []
    spans = [item for item in items if np.size(item)]
    if spans and all(np.ndim(item) == 2 and len(item) == 2 for item in spans):
        # MATLAB's [] of a clip without any is of 0 x 0.
        return [np.reshape(item, (2, -1)) for item in items]
    return None


def _vectors(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """A label for each frame: of all clips in a row, by clip in their order, or by name."""
    return labels_of(read_vectors(path, _most(lengths), "labels"), lengths)


def _most(lengths: Lengths) -> int:
    return _MOST_BYTES * (sum(lengths.values()) + 16 * len(lengths))


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


def _table(path: Path, lengths: Lengths) -> dict[str, Vector]:
    """A table `clip,first,last` of abnormal frames, from 0, inclusive; all others are normal."""
    if not holds_intervals(path):
        return _vectors(path, lengths)
    spans: dict[str, list[tuple[int, int]]] = {clip: [] for clip in lengths}
    header = _header(path)
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        next(reader)
        for cells in reader:
            if not cells:
                continue
            row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            if "clip" not in row:
                raise VadbenchError(f"{path}: has no column 'clip', but {', '.join(header)}")
            if row["clip"] not in spans:
                known = ", ".join(spans)
                raise VadbenchError(
                    f"{path}, line {reader.line_num}: there is no test clip {row['clip']!r}, "
                    f"but {known}"
                )
            try:
                first, last = int(row["first"]), int(row["last"])
            except (KeyError, ValueError):
                raise VadbenchError(
                    f"{path}, line {reader.line_num}: cannot be read as labels: "
                    f"{','.join(cells)!r} does not say the first and last abnormal frame of a "
                    "clip as whole numbers, from 0"
                ) from None
            spans[row["clip"]].append((first, last))
    return _of_spans(path, list(spans.values()), lengths)


def _header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return [cell.strip().lower() for cell in next(csv.reader(stream), [])]


READERS: dict[str, Callable[[Path, Lengths], dict[str, Vector]]] = {
    ".csv": _table,
    ".m": _matlab_script,
    ".mat": _matlab_file,
    ".npy": _vectors,
    ".npz": _vectors,
    ".json": _vectors,
}
"""Readers by file ending."""
