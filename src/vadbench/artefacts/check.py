"""Checks one file by itself: that it is whole, and that what it holds can be true.

What an artefact was made from, and how many frames its clip has, `vadbench.audit` compares.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from vadbench.artefacts.kinds import RECORDS, Field
from vadbench.artefacts.seal import check_seal, checksum_line, checksum_path
from vadbench.artefacts.store import (
    Artefact,
    attributes_digest,
    column_line,
    content_digest,
    find_spec,
    open_artefact,
    row_problem,
    text_bytes,
)
from vadbench.errors import VadbenchError

__all__ = ["CHECKS", "check_file", "weights_facts"]

_BLOCK_BYTES = 4 << 20  # of a field, read at once: stays in the processor's cache
_MOST_HEADER = 100 << 20  # bytes of a weights file's header; safetensors reads no larger one
_PNG = b"\x89PNG\r\n\x1a\n"


def check_file(path: Path) -> list[str]:
    """Returns what is wrong with a file, in words; nothing if it is sound.

    Args:
        path: A file whose ending is in `CHECKS`.
    """
    try:
        return list(CHECKS[path.suffix](path))
    except VadbenchError as error:
        return [str(error).removeprefix(f"{path}: ")]
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        # What a damaged file makes HDF5 or a parser say.
        return [f"cannot be read ({error})"]


def _artefact(path: Path) -> Iterator[str]:
    check_seal(path)
    with open_artefact(path) as artefact:
        yield from _contents(artefact)


def _contents(artefact: Artefact) -> Iterator[str]:
    facts = artefact.facts
    if facts.get("attributes_digest") != attributes_digest(facts):
        yield "an attribute was edited: they do not fit their digest"
    counts: dict[str, tuple[int, Field]] = {}
    lines = []
    for name in sorted(artefact.fields):
        data, spec = artefact[name], find_spec(artefact.kind, name)
        if spec is None:
            yield f"a {artefact.kind} artefact has no field {name!r}"
            continue
        stored = "str" if h5py.check_string_dtype(data.dtype) else data.dtype.name
        if stored != spec.dtype or data.ndim != spec.ndim:
            yield f"{name}: {stored} of {data.ndim} axes, expected {spec.dtype} of {spec.ndim}"
            continue
        counts[name] = (len(data), spec)
        digest = hashlib.sha256()
        yield from _values(name, data, spec, digest.update)
        lines.append(column_line(name, spec, data.shape[1:], digest.hexdigest()))
    if problem := row_problem(artefact.kind, counts, artefact.n_frames):
        yield problem
    if content_digest(facts, lines) != artefact.digest:
        yield "its content is not what it was made with: it does not fit its digest"
    for name, (_, spec) in counts.items():
        if spec.rows.endswith("+1"):
            yield from _offsets(artefact, name, spec, counts)


def _values(
    name: str, data: h5py.Dataset, spec: Field, update: Callable[[Any], None]
) -> Iterator[str]:
    """Reads a field once: hashes it, and looks for values that make no sense."""
    if spec.dtype == "str":
        update(text_bytes(data.asstr()[:]))
        return
    rows = max(1, _BLOCK_BYTES // max(1, data.dtype.itemsize * int(np.prod(data.shape[1:]))))
    rows = max(data.chunks[0], rows - rows % data.chunks[0]) if data.chunks else rows
    buffer = np.empty((min(rows, len(data)), *data.shape[1:]), data.dtype)
    first: Any = None
    constant = spec.varies and data.size > 1
    for start in range(0, len(data), rows):
        block = buffer[: min(rows, len(data) - start)]
        if not block.size:
            break
        data.read_direct(block, np.s_[start : start + len(block)])
        update(block.data.cast("B"))
        problem = _unlikely(block, spec)
        if problem is not None:
            rows_there = spec.rows.partition("+")[0]
            yield f"{name}: {problem} in {rows_there} {start} to {start + len(block) - 1}"
            return
        if constant:
            first = block.flat[0] if first is None else first
            constant = bool((block == first).all())
    if constant:
        yield f"{name}: all values are {first}; no clip is like that"


def _unlikely(block: npt.NDArray[Any], spec: Field) -> str | None:
    """What is wrong with values, if anything."""
    if block.dtype == np.float16:
        return _unlikely_half(block, spec)
    if block.dtype.kind == "f" and not np.isfinite(block).all():
        return "not a number, or infinite,"
    if spec.within is None:
        return None
    low, high = block.min(), block.max()
    if low < spec.within[0] or high > spec.within[1]:
        return f"values from {low:g} to {high:g}, expected {_range(spec)},"
    return None


def _unlikely_half(block: npt.NDArray[Any], spec: Field) -> str | None:
    # The bits without their sign have the order of the magnitudes, and are compared much faster.
    bits = block.view(np.uint16)
    greatest = np.uint16((bits & np.uint16(0x7FFF)).max())
    if greatest >= 0x7C00:
        return "not a number, or infinite,"
    if spec.within is None:
        return None
    low, high = spec.within
    if greatest.view(np.float16) > high or (low == 0 and bool((bits > 0x8000).any())):
        return f"values beyond {_range(spec)}"
    return None


def _range(spec: Field) -> str:
    assert spec.within is not None
    return f"{spec.within[0]:g} to {spec.within[1]:g}"


def _offsets(
    artefact: Artefact, name: str, spec: Field, counts: dict[str, tuple[int, Field]]
) -> Iterator[str]:
    """Offsets begin at zero, never fall, and end with the number of what they count."""
    values = artefact[name][:]
    counted = {"clip_offsets": "frame", "mask_offsets": "free"}.get(name, "object")
    total = next((n for n, own in counts.values() if own.rows == counted), None)
    if counted == "frame":
        total = artefact.n_frames
    if values[0] != 0 or (np.diff(values) < 0).any():
        yield f"{name}: does not begin at 0, or falls"
    elif total is not None and values[-1] != total:
        yield f"{name}: ends at {values[-1]}, but there are {total}"


def weights_facts(path: Path) -> dict[str, Any]:
    """Returns what a weights file of vadbench says it was made from.

    Raises:
        VadbenchError: It is no safetensors file, or says nothing.
    """
    header, _ = _weights_header(path)
    try:
        facts: dict[str, Any] = json.loads(header["__metadata__"]["vadbench"])
    except (KeyError, TypeError, ValueError) as error:
        raise VadbenchError(f"{path}: does not say what it was made from") from error
    if not isinstance(facts, dict):
        raise VadbenchError(f"{path}: does not say what it was made from")
    return facts


def _weights_header(path: Path) -> tuple[dict[str, Any], int]:
    with open(path, "rb") as stream:
        start = stream.read(8)
        size = int.from_bytes(start, "little")
        if len(start) < 8 or size > _MOST_HEADER:
            raise VadbenchError(f"{path}: not a safetensors file")
        try:
            header: dict[str, Any] = json.loads(stream.read(size))
        except ValueError as error:
            raise VadbenchError(f"{path}: not a safetensors file ({error})") from error
    return header, 8 + size


def _weights(path: Path) -> Iterator[str]:
    from safetensors import safe_open

    check_seal(path)
    weights_facts(path)
    with safe_open(str(path), framework="np") as file:
        for name in file.keys():  # noqa: SIM118  (it is no mapping)
            values = file.get_tensor(name)
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                yield f"{name}: not a number, or infinite"


def _json(path: Path) -> Iterator[str]:
    check_seal(path)
    content = json.loads(path.read_bytes(), parse_constant=_infinite)
    expected = RECORDS.get(path.name)
    if expected is not None and content.get("schema") != expected:
        yield f"has the schema {content.get('schema')!r}, expected {expected}"


def _infinite(constant: str) -> float:
    raise ValueError(f"a number is {constant}")


def _png(path: Path) -> Iterator[str]:
    """Every chunk of a PNG has a checksum of its own."""
    content = path.read_bytes()
    at = len(_PNG)
    if not content.startswith(_PNG):
        yield "not a PNG file"
        return
    name = b""
    while at < len(content):
        if len(content) < at + 12:
            yield "a PNG file that is cut off"
            return
        (size,) = struct.unpack_from(">I", content, at)
        end = at + 8 + size
        name, body = content[at + 4 : at + 8], content[at + 4 : end]
        if len(content) < end + 4 or zlib.crc32(body) != struct.unpack_from(">I", content, end)[0]:
            yield "a damaged PNG file: a checksum does not fit"
            return
        at = end + 4
    if name != b"IEND":
        yield "a PNG file that is cut off"


def _jpeg(path: Path) -> Iterator[str]:
    """Whether it is the picture that was made, the listing of its folder says."""
    content = path.read_bytes()
    if not content.startswith(b"\xff\xd8\xff"):
        yield "not a JPEG file"
    elif not content.endswith(b"\xff\xd9"):
        yield "a JPEG file that is cut off"


def _page(path: Path) -> Iterator[str]:
    """Whether it is the page that was made, the listing of its folder says."""
    if not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        yield "a page that is cut off"


def _table(path: Path) -> Iterator[str]:
    """A table has a file with its checksum beside it."""
    beside = checksum_path(path)
    if not beside.is_file():
        yield f"there is no {beside.name} beside it, so nothing says what it was"
    elif beside.read_bytes() != checksum_line(path.read_bytes(), path):
        yield f"its SHA-256 is not the one in {beside.name}"


CHECKS: dict[str, Callable[[Path], Iterator[str]]] = {
    ".h5": _artefact,
    ".safetensors": _weights,
    ".json": _json,
    ".csv": _table,
    ".html": _page,
    ".jpg": _jpeg,
    ".png": _png,
}
"""The check of each kind of file, by its ending."""
