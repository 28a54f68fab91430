"""A digest of a whole file inside the file, so that not one of its bytes can change unnoticed.

The content digest of an artefact covers its arrays and attributes, not the bytes that HDF5 puts
around them. A seal covers all: it is the SHA-256 of the file with zeros in the seal's own place. It
stands in the user block of an HDF5 file, in the metadata of weights, and under the first key of a
JSON file. A table has its checksum in a file beside it.
"""

import hashlib
import mmap
import re
from pathlib import Path

from vadbench.errors import VadbenchError

__all__ = ["EMPTY", "check_seal", "checksum_line", "checksum_path", "seal_bytes", "seal_file"]

_MARK = b"vadbench-sha256:"
_ZEROS = b"0" * 64
EMPTY = (_MARK + _ZEROS).decode()
"""What stands in the place of a seal until the file is complete."""


def seal_bytes(content: bytes) -> bytes:
    """Returns the content of a file with its seal in the place of the first `EMPTY`."""
    at = content.index(EMPTY.encode()) + len(_MARK)
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[:at] + digest + content[at + len(digest) :]


def seal_file(path: Path) -> None:
    """Seals a finished file that holds `EMPTY`."""
    with open(path, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as content:
        at = content.find(EMPTY.encode()) + len(_MARK)
        content[at : at + len(_ZEROS)] = _digest(content, at).encode()


def check_seal(path: Path) -> None:
    """Reads a whole file and compares it with its seal.

    Raises:
        VadbenchError: It cannot be read, is not sealed, or not as it was when it was sealed.
    """
    try:
        with (
            open(path, "rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            at = content.find(_MARK) + len(_MARK)
            if at < len(_MARK) or not re.fullmatch(rb"[0-9a-f]{64}", content[at : at + 64]):
                raise VadbenchError(f"{path}: has no seal, or a damaged one")
            found, sealed = _digest(content, at), content[at : at + 64].decode()
    except (OSError, ValueError) as error:  # An empty file cannot be mapped.
        raise VadbenchError(f"{path}: cannot be read ({error})") from error
    if found != sealed:
        raise VadbenchError(
            f"{path}: a byte of it changed since it was written (its SHA-256 is {found[:16]}, not "
            f"{sealed[:16]})"
        )


def checksum_path(path: Path) -> Path:
    """Returns where the checksum of a file without a place for a seal is kept, such as a table."""
    return path.with_name(path.name + ".sha256")


def checksum_line(content: bytes, path: Path) -> bytes:
    """Returns what stands there, in the words of sha256sum, which can check it too."""
    return f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode()


def _digest(content: mmap.mmap, at: int) -> str:
    """SHA-256 of a file with zeros where its seal stands."""
    view = memoryview(content)
    try:
        digest = hashlib.sha256(view[:at])
        digest.update(_ZEROS)
        digest.update(view[at + len(_ZEROS) :])
    finally:
        view.release()
    return digest.hexdigest()
