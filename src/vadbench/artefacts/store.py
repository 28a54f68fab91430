"""Writes artefacts whole or not at all, and reads them back with their provenance.

An artefact is one HDF5 file. It is written under a temporary name next to its place, flushed to
disk and renamed, so a file under its own name is always complete. Its attributes say what it is,
which settings and code made it, and which inputs it was made from, each with its digest: a chain
of digests leads from any number back to the raw frames.

Arrays are compressed by bitshuffle and LZ4: of the codecs in `benchmarks/bench_store.py` the one
that costs least beside the work that makes the arrays.
"""

import fcntl
import glob
import hashlib
import io
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt

from vadbench.arrays import stored_dataset
from vadbench.artefacts.kinds import KINDS, Field
from vadbench.artefacts.seal import EMPTY, seal_file
from vadbench.errors import VadbenchError

__all__ = [
    "Artefact",
    "ArtefactWriter",
    "Identity",
    "file_digest",
    "library_versions",
    "open_artefact",
    "write_atomically",
]

_CHUNK_BYTES = 1 << 20
_USER_BLOCK = 512  # bytes before the HDF5 content, for the seal: the least that HDF5 allows
_OWN = ("kind", "schema", "dataset", "split", "clip", "n_frames", "settings", "attributes")
_REMEDY = "delete it and run again: only this file and what descends from it is made anew"
_LIBRARIES = (
    "numpy",
    "cv2",
    "av",
    "scipy",
    "sklearn",
    "torch",
    "torchvision",
    "transformers",
    "timm",
    "lightning",
    "ptlflow",
    "segmentation_models_pytorch",
    "detectron2",
    "pycocotools",
    "h5py",
)


@dataclass(frozen=True)
class Identity:
    """Whose data an artefact holds: a clip of a data set, or a whole split (clip None)."""

    dataset: str
    split: str
    clip: str | None = None


@contextmanager
def write_atomically(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a temporary file that takes the place of `path` when the block ends well.

    Raises:
        VadbenchError: It cannot be written (a full disk, a read-only folder).
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        handle, temporary = temporary_beside(target)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            commit(temporary, target)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        # Errors on files elsewhere are those of what the block does.
        if isinstance(error, OSError):
            where = Path(error.filename or target).resolve()
            if target.parent.resolve() in {where, where.parent}:
                raise _not_written(target, error) from error
        raise


def _not_written(path: Path, error: OSError) -> VadbenchError:
    return VadbenchError(
        f"{path}: cannot be written ({error.strerror or error}); nothing was kept, the next run "
        "makes it again once there is space and permission"
    )


def temporary_beside(target: Path) -> tuple[int, Path]:
    """Opens a new temporary file beside `target`, in place of what a killed job left there.

    It is locked as long as it is open, so that another process that writes the same target, which
    happens if two runs are forced into one tree, leaves it alone.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        _remove_unlocked(left)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    _lock(handle)
    return handle, Path(name)


def _lock(handle: int) -> bool:
    """Locks a file; returns whether nobody else has."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # The file system knows no locks.
    return True


def _remove_unlocked(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return  # Another process was faster.
    try:
        if _lock(handle):
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def commit(temporary: Path, target: Path) -> None:
    """Flushes a finished temporary file to disk and gives it its name."""
    with open(temporary, "rb") as stream:
        os.fsync(stream.fileno())
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    os.replace(temporary, target)


def library_versions() -> dict[str, str]:
    """Returns the versions of Python and of the libraries that this process computes with."""
    loaded = {name: sys.modules[name] for name in _LIBRARIES if name in sys.modules}
    return {"python": platform.python_version()} | {
        # pycocotools says it in its metadata only.
        name: str(getattr(module, "__version__", None) or metadata.version(name))
        for name, module in loaded.items()
    }


def file_digest(path: str | Path) -> str:
    """Returns an artefact's own content digest, or the SHA-256 of any other file."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise VadbenchError(f"{path}: cannot be read (it is no file)")
        if path.suffix == ".h5":
            with open_artefact(path) as artefact:
                return artefact.digest
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise VadbenchError(f"{path}: cannot be read ({error.strerror or error})") from error


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def text_bytes(values: npt.NDArray[Any]) -> bytes:
    """Returns the bytes of strings that their digest is taken over."""
    return "".join(f"{value}\0" for value in values).encode()


class _Column:
    """One array being written: buffers rows to whole chunks and hashes them in order."""

    def __init__(self, file: h5py.File, name: str, spec: Field, n_frames: int) -> None:
        self._file, self.name, self.spec = file, name, spec
        self._known_rows = n_frames if spec.rows == "frame" else None
        self._dataset: h5py.Dataset | None = None
        self._waiting: list[npt.NDArray[Any]] = []
        self._hash = hashlib.sha256()
        self._row_shape: tuple[int, ...] = ()
        self._chunk_rows = 1
        self._written = 0
        self.rows = 0

    def _create(self, array: npt.NDArray[Any]) -> None:
        self._row_shape = array.shape[1:]
        row_bytes = max(1, int(np.prod(self._row_shape)) * array.dtype.itemsize)
        if self.spec.rows == "frame" and array.ndim > 1:
            self._chunk_rows = 1
        else:
            self._chunk_rows = 1 << max(0, min(12, (_CHUNK_BYTES // row_bytes).bit_length() - 1))
        rows = self._known_rows or 0
        compression: dict[str, Any] = dict(hdf5plugin.Bitshuffle(cname="lz4"))
        self._dataset = self._file.create_dataset(
            self.name,
            shape=(rows, *self._row_shape),
            maxshape=(None, *self._row_shape),
            chunks=(self._chunk_rows, *self._row_shape),
            dtype=h5py.string_dtype() if self.spec.dtype == "str" else array.dtype,
            **({} if self.spec.dtype == "str" else compression),
        )

    def append(self, values: npt.ArrayLike) -> None:
        array = np.asarray(values)
        if self.spec.dtype == "str":
            array = array.astype(object)
            self._hash.update(text_bytes(array))
        else:
            array = np.ascontiguousarray(array, dtype=self.spec.dtype)
            self._hash.update(array.data.cast("B") if array.size else b"")
        if array.ndim != self.spec.ndim:
            raise ValueError(f"{self.name}: {array.ndim} axes, expected {self.spec.ndim}")
        if self._dataset is None:
            self._create(array)
        elif array.shape[1:] != self._row_shape:
            raise ValueError(f"{self.name}: rows of {array.shape[1:]} after {self._row_shape}")
        self.rows += len(array)
        if len(array):
            self._waiting.append(array)
        if self.rows - self._written >= self._chunk_rows:
            self._flush(whole_chunks=True)

    def _flush(self, *, whole_chunks: bool) -> None:
        if not self._waiting:
            return
        rows = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        keep = len(rows) % self._chunk_rows if whole_chunks else 0
        ready = rows[: len(rows) - keep]
        assert self._dataset is not None
        end = self._written + len(ready)
        if end > len(self._dataset):
            self._dataset.resize(end, axis=0)
        self._dataset[self._written : end] = ready
        self._written = end
        # A copy, so that a short remainder does not keep the whole batch in memory.
        self._waiting = [rows[len(ready) :].copy()] if keep else []

    def close(self) -> str:
        self._flush(whole_chunks=False)
        return column_line(self.name, self.spec, self._row_shape, self._hash.hexdigest())


class ArtefactWriter:
    """Writes one artefact; use it as a context manager.

    Args:
        path: Where the finished file appears.
        kind: A key of `KINDS`; only its fields can be written.
        identity: Data set, split and clip.
        n_frames: Frames that the artefact covers.
        settings: The settings that made it.
        inputs: Files it was made from; their digests are stored.
        code: Fingerprint of the code that made it.
        attributes: Further facts a reader needs (JSON types).

    Raises:
        VadbenchError: On leaving the block, if the arrays do not fit the kind's schema, or the
            file cannot be written (a full disk, a read-only folder).
    """

    def __init__(
        self,
        path: str | Path,
        kind: str,
        identity: Identity,
        n_frames: int,
        *,
        settings: Mapping[str, Any],
        inputs: Sequence[str | Path] = (),
        code: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self._path = Path(path)
        self._kind_name, self._kind = kind, KINDS[kind]
        self._identity, self._n_frames = identity, n_frames
        self._settings, self._code = dict(settings), code
        self._attributes = dict(attributes or {})
        self._inputs = {Path(item).as_posix(): file_digest(item) for item in inputs}
        self._columns: dict[str, _Column] = {}
        self._temporary = Path()

    def __enter__(self) -> Self:
        try:
            handle, self._temporary = temporary_beside(self._path)
        except OSError as error:
            raise _not_written(self._path, error) from error
        self._output = _Output(handle, "r+")
        self._file = h5py.File(self._output, "w", libver="v110", userblock_size=_USER_BLOCK)
        return self

    def append(self, field: str, values: npt.ArrayLike) -> None:
        """Adds rows along axis 0 of a field."""
        if field not in self._columns:
            spec = find_spec(self._kind_name, field)
            if spec is None:
                raise ValueError(f"a {self._kind_name} artefact has no field {field!r}")
            self._columns[field] = _Column(self._file, field, spec, self._n_frames)
        self._columns[field].append(values)
        if self._output.failure is not None:
            raise _not_written(self._path, self._output.failure) from self._output.failure

    def put(self, field: str, values: npt.ArrayLike) -> None:
        """Writes a whole field."""
        if field in self._columns:
            raise ValueError(f"field {field!r} is written already")
        self.append(field, values)

    def _finish(self) -> None:
        contents = [column.close() for _, column in sorted(self._columns.items())]
        counts = {name: (column.rows, column.spec) for name, column in self._columns.items()}
        if problem := row_problem(self._kind_name, counts, self._n_frames):
            raise ValueError(problem)
        facts: dict[str, Any] = {
            "kind": self._kind_name,
            "schema": self._kind.version,
            "dataset": self._identity.dataset,
            "split": self._identity.split,
            "clip": self._identity.clip or "",
            "n_frames": self._n_frames,
            "settings": _json(self._settings),
            "attributes": _json(self._attributes),
        }
        facts |= {
            "digest": content_digest(facts, contents),
            "code": self._code,
            "inputs": _json(self._inputs),
            "libraries": _json(library_versions()),
        }
        facts["attributes_digest"] = attributes_digest(facts)
        for name, value in facts.items():
            self._file.attrs[name] = value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failure: OSError | None = None
        try:
            if error is None:
                self._finish()
                self._file.close()
                failure = self._output.failure
                if failure is None:
                    with open(self._temporary, "r+b") as stream:
                        stream.write(EMPTY.encode())
                    seal_file(self._temporary)
                    commit(self._temporary, self._path)
        except OSError as other:
            failure = other
        finally:
            self._file.close()
            self._output.close()
            self._temporary.unlink(missing_ok=True)
        if error is None and failure is not None:
            raise _not_written(self._path, failure) from failure


class _Output(io.FileIO):
    """The file that HDF5 writes; it notes a failure and goes on as if there were none.

    HDF5 cannot close a file that it cannot flush, and crashes over it when it is cleared away.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes all of the data."""
        left = memoryview(data)
        try:
            while self.failure is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Cuts or enlarges the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0


def column_line(name: str, spec: Field, row_shape: tuple[int, ...], digest: str) -> str:
    """Returns what the content digest is told of an array."""
    return f"{name}:{spec.dtype}:{row_shape}:{digest}"


def content_digest(facts: Mapping[str, Any], contents: Sequence[str]) -> str:
    """Returns the digest over identity, settings and arrays, the latter as `column_line` has it."""
    own = {name: facts[name] for name in _OWN}
    return hashlib.sha256("\n".join([_json(own), *contents]).encode()).hexdigest()


def attributes_digest(facts: Mapping[str, Any]) -> str:
    """Returns the digest over all attributes but itself."""
    own = {name: value for name, value in facts.items() if name != "attributes_digest"}
    return hashlib.sha256(_json(own).encode()).hexdigest()


def row_problem(kind: str, counts: Mapping[str, tuple[int, Field]], n_frames: int) -> str | None:
    """Says which field is missing, or which has rows that do not fit the others.

    Args:
        kind: A key of `KINDS`.
        counts: Rows and specification of each field that there is.
        n_frames: Frames that the artefact covers.
    """
    for name, spec in KINDS[kind].fields.items():
        if spec.required and name not in counts:
            return f"a {kind} artefact needs the field {name!r}"
    expected: dict[str, int] = {"frame": n_frames}
    for name, (found, spec) in counts.items():
        base, plus, _ = spec.rows.partition("+")
        if base == "free":
            continue
        more = 1 if plus else 0
        if found - more != expected.setdefault(base, found - more):
            return (
                f"{kind}: field {name!r} has {found} rows, expected {expected[base] + more} "
                f"({spec.rows})"
            )
    return None


def find_spec(kind: str, name: str) -> Field | None:
    """Returns what a kind says of a field; None if it has no such field."""
    known = KINDS[kind]
    if name in known.fields:
        return known.fields[name]
    prefix, separator, rest = name.partition("/")
    return known.prefixes.get(prefix) if separator and rest else None


class Artefact:
    """An open artefact: `artefact["flow"][t]` reads, attributes tell where it came from."""

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self.path = file, path
        attributes = file.attrs
        self.facts = {
            name: value if isinstance(value, str) else int(value)
            for name, value in attributes.items()
        }
        names = ("kind", "dataset", "split", "clip", "digest", "code")
        for name in names:
            if not isinstance(attributes[name], str):
                raise TypeError(f"its {name} is no word")
        self.kind, dataset, split, clip, self.digest, self.code = (attributes[n] for n in names)
        self.identity = Identity(dataset, split, clip or None)
        self.n_frames = int(attributes["n_frames"])
        self.settings: dict[str, Any] = json.loads(attributes["settings"])
        self.attributes: dict[str, Any] = json.loads(attributes["attributes"])
        self.inputs: dict[str, str] = json.loads(attributes["inputs"])
        self.libraries: dict[str, str] = json.loads(attributes["libraries"])

    def __getitem__(self, field: str) -> h5py.Dataset:
        if field not in self._file:
            raise VadbenchError(f"{self.path}: holds no {field!r}; it has {', '.join(self.fields)}")
        try:
            dataset = stored_dataset(self._file, field)
            spec = find_spec(self.kind, field)
            if spec is not None and not _fits(dataset, spec):
                raise ValueError(
                    f"{field!r} is of {dataset.ndim} axes of {dataset.dtype}, expected {spec.ndim} "
                    f"of {spec.dtype}"
                )
        except ValueError as error:
            raise VadbenchError(
                f"{self.path}: not written by vadbench ({error}); {_REMEDY}"
            ) from error
        return dataset

    def __contains__(self, field: str) -> bool:
        return field in self._file

    @property
    def fields(self) -> list[str]:
        """Names of all arrays, `prefix/name` for grouped ones."""
        names: list[str] = []
        visit: Callable[[str, Any], None] = lambda name, item: (  # noqa: E731
            names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        self._file.visititems(visit)
        return names


def _fits(dataset: h5py.Dataset, spec: Field) -> bool:
    if spec.dtype == "str":
        return dataset.ndim == spec.ndim and h5py.check_string_dtype(dataset.dtype) is not None
    return dataset.ndim == spec.ndim and dataset.dtype == np.dtype(spec.dtype)


@contextmanager
def open_artefact(path: str | Path, kind: str | None = None) -> Iterator[Artefact]:
    """Opens an artefact for reading.

    Args:
        path: The file.
        kind: The kind it has to be; any if None.

    Raises:
        VadbenchError: The file is missing, truncated, no artefact, of another kind, or of
            another schema version.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise VadbenchError(f"{path}: no such file; run the rule that makes it")
        file = h5py.File(path, "r", locking="best-effort")
    except PermissionError as error:
        raise VadbenchError(f"{path}: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise VadbenchError(f"{path}: not a readable HDF5 file ({error}); {_REMEDY}") from error
    with file:
        try:
            artefact = Artefact(file, path)
            version = int(file.attrs["schema"])
        except (
            KeyError,
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
            RuntimeError,
            OSError,
        ) as error:
            raise VadbenchError(
                f"{path}: not an artefact of vadbench ({error}); {_REMEDY}"
            ) from error
        if kind is not None and artefact.kind != kind:
            raise VadbenchError(f"{path}: is a {artefact.kind} artefact, expected {kind}")
        if artefact.kind not in KINDS or version != KINDS[artefact.kind].version:
            raise VadbenchError(
                f"{path}: {artefact.kind} schema {version} is not the one of this version; "
                f"{_REMEDY}"
            )
        yield artefact
