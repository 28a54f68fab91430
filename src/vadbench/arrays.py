"""Reads arrays and weights of others without running what a pickle may hold.

VEC and HF2-VAD publish boxes as object arrays, one array per frame, which NumPy stores as a
pickle. A pickle can name any function to call; the unpickler here knows the functions that
rebuild NumPy arrays and refuses every other name.
"""

import pickle  # only its restricted form below is used
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from vadbench.errors import VadbenchError

__all__ = ["load_array", "load_pickle"]

_ALLOWED = frozenset(
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        (f"{core}.multiarray", "_reconstruct"),
        (f"{core}.multiarray", "scalar"),
        (f"{core}.numeric", "_frombuffer"),
    )
)


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no part of an array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


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
                stream.seek(0)
                return np.asarray(npy_format.read_array(stream, allow_pickle=False))
            values = _ArrayUnpickler(stream, encoding="latin1").load()
    except FileNotFoundError as error:
        raise VadbenchError(f"{path}: no such file") from error
    except pickle.UnpicklingError as error:
        raise VadbenchError(
            f"{path}: refused, {error}; a file of boxes or labels needs only arrays"
        ) from error
    except (OSError, ValueError, EOFError, TypeError, AttributeError, IndexError) as error:
        raise VadbenchError(f"{path}: not a whole .npy file ({error})") from error
    if not isinstance(values, np.ndarray) or values.shape != shape:
        raise VadbenchError(f"{path}: the header says {shape}, the content differs")
    return values


def load_pickle(path: Path) -> Any:
    """Loads a pickle of NumPy arrays, dictionaries, lists, words and numbers; all else is refused.

    Raises:
        pickle.UnpicklingError: It asks for anything else.
    """
    with open(path, "rb") as stream:
        return _ArrayUnpickler(stream, encoding="latin1").load()
