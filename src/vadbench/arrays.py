"""Reads arrays and weights of others without running or trusting what a file may hold.

VEC and HF2-VAD publish boxes as object arrays, one array per frame, which NumPy stores as a
pickle. A pickle can name any function to call; the unpickler here knows no function of NumPy's
own, which take pointers for objects from whoever asks, but those below, which make arrays of
numbers, words and other arrays. HDF5 files can hold links to other files.
"""

import math
import os
import pickle  # only its restricted form below is used
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    import h5py

__all__ = ["check_matlab", "inside", "load_archive", "load_array", "load_pickle", "stored_dataset"]

_NUMBERS_AND_WORDS = re.compile(r"[<>|=]?([biufcSU]\d{0,9}|O8?)")
_COMPRESSED = 15  # miCOMPRESSED of the MAT-file format
_NDARRAY = object()
"""What a pickle gets for `numpy.ndarray`: called by itself it would take any bytes for objects."""


class _Dtype:
    """A data type as a pickle describes it, of which the order of bytes is all that is taken."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        if not isinstance(code, str) or not _NUMBERS_AND_WORDS.fullmatch(code):
            raise pickle.UnpicklingError(f"it holds the data type {str(code)[:40]!r}")
        self.made = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, fields, size = state[1], state[2:5], state[5]
        if order not in {"<", ">", "|", "="} or any(item is not None for item in fields):
            raise pickle.UnpicklingError("it holds a data type of several fields")
        if size not in {-1, self.made.itemsize}:
            raise pickle.UnpicklingError("it holds a data type of another size than it says")
        self.made = self.made.newbyteorder(order)


def _numbers(dtype: object) -> np.dtype[Any]:
    if not isinstance(dtype, _Dtype) or dtype.made.hasobject:
        raise pickle.UnpicklingError("it takes bytes for objects")
    return dtype.made


class _Array(np.ndarray[Any, Any]):
    def __setstate__(self, state: tuple[Any, ...]) -> None:  # type: ignore[override]
        version, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or dtype.made.hasobject != isinstance(data, list):
            raise pickle.UnpicklingError("it takes bytes for objects")
        # NumPy reads as many objects as the shape says, whether they are there or not.
        if isinstance(data, list) and len(data) != math.prod(shape):
            raise pickle.UnpicklingError(f"it holds {len(data)} objects for a shape of {shape}")
        super().__setstate__((version, shape, dtype.made, fortran, data))


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    # What it holds follows by `__setstate__`.
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(dtype: object, data: bytes | str) -> Any:
    content = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(content, _numbers(dtype), count=1)[0]


def _from_buffer(data: Any, dtype: object, shape: tuple[int, ...], order: str) -> npt.NDArray[Any]:
    values = np.frombuffer(data, _numbers(dtype))
    return values.reshape(shape, order="F" if order == "F" else "C")


_KNOWN: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module.replace("numpy._core", "numpy.core"), name))
        if known is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no part of an array")
        return known


def load_array(path: str | Path) -> npt.NDArray[Any]:
    """Loads a .npy file; object arrays may hold NumPy arrays, lists and numbers only.

    Raises:
        VadbenchError: The file is missing, damaged, or asks for anything but arrays.
    """
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            version = npy_format.read_magic(stream)
            read_header = (
                npy_format.read_array_header_1_0
                if version == (1, 0)
                else npy_format.read_array_header_2_0
            )
            shape, _, dtype = read_header(stream)
            if not dtype.hasobject:
                size = int(np.prod(shape, dtype=object)) * dtype.itemsize
                left = path.stat().st_size - stream.tell()
                if size > left:
                    # Memory is taken for what the header says before anything is read.
                    raise ValueError(f"the header says {size} bytes, and {left} follow")
                stream.seek(0)
                return np.asarray(npy_format.read_array(stream, allow_pickle=False))
            values = _ArrayUnpickler(stream, encoding="latin1").load()
    except FileNotFoundError as error:
        raise VadbenchError(f"{path}: no such file") from error
    except pickle.UnpicklingError as error:
        raise VadbenchError(
            f"{path}: refused, {error}; a file of boxes or labels needs only arrays"
        ) from error
    except Exception as error:  # A pickle that is damaged or hostile raises what it likes.
        raise VadbenchError(f"{path}: not a whole .npy file ({error})") from error
    if not isinstance(values, np.ndarray) or values.shape != shape:
        raise VadbenchError(f"{path}: the header says {shape}, the content differs")
    return values.view(np.ndarray)


def load_archive(path: Path, most: int) -> dict[str, npt.NDArray[Any]]:
    """Loads the arrays of a .npz file by name, none of objects.

    Args:
        path: The file.
        most: Bytes that an array may have: a small archive can unpack to more than any memory.

    Raises:
        VadbenchError: An array is larger.
        OSError, ValueError, zipfile.BadZipFile: It is damaged, or holds objects.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > most + 4096:
                raise VadbenchError(
                    f"{path}: {member.filename!r} unpacks to {member.file_size} bytes, more than "
                    f"the {most} that it can need; it is another file, or a hostile one"
                )
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def check_matlab(path: Path, most: int) -> None:
    """Sees to it that the variables of a .mat file of MATLAB 5 unpack to no more than they need.

    Args:
        path: The file; of another version it is none that is compressed as a whole.
        most: Bytes that all variables may have.

    Raises:
        VadbenchError: They are larger.
        OSError, ValueError, zlib.error: It is damaged.
    """
    found = 0
    with open(path, "rb") as stream:
        if not stream.read(124).startswith(b"MATLAB 5.0"):
            return
        order = "<" if stream.read(4)[2:] == b"IM" else ">"
        while len(tag := stream.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            if kind != _COMPRESSED:
                found += size
                stream.seek(size, os.SEEK_CUR)
            else:
                waiting, unpacking = stream.read(size), zlib.decompressobj()
                while waiting and found <= most + 4096:
                    found += len(unpacking.decompress(waiting, 1 << 20))
                    waiting = unpacking.unconsumed_tail
            if found > most + 4096:
                raise VadbenchError(
                    f"{path}: unpacks to more than the {most} bytes that it can need; it is "
                    "another file, or a hostile one"
                )


def load_pickle(path: Path) -> Any:
    """Loads a pickle of NumPy arrays, dictionaries, lists, words and numbers; all else is refused.

    Raises:
        pickle.UnpicklingError: It asks for anything else.
    """
    with open(path, "rb") as stream:
        return _ArrayUnpickler(stream, encoding="latin1").load()


def stored_dataset(file: "h5py.File", name: str) -> "h5py.Dataset":
    """Returns a data set of an HDF5 file that lies in this file itself.

    Raises:
        ValueError: It is none, or is a link, or its numbers lie in another file.
    """
    import h5py

    place: Any = file
    for part in name.split("/"):
        if not isinstance(place, h5py.Group) or part not in place:
            raise ValueError(f"it holds no {name!r}")
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r} is a link to elsewhere, which is not followed")
        place = place[part]
    return inside(place, name)


def inside(dataset: Any, name: str) -> "h5py.Dataset":
    """Returns a data set whose numbers lie in its own file.

    Raises:
        ValueError: They lie in another one, or it is no data set.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name!r} is no array")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the numbers of {name!r} lie in other files, which are not read")
    return dataset
