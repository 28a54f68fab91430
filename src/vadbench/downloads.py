"""Downloads: they go on where they broke off, and a file is there only when its digest is right.

The unfinished part of a file lies beside it as `<name>.part`.
"""

import errno
import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from vadbench.errors import VadbenchError

__all__ = ["download", "unpack"]

_PIECE = 1 << 20  # bytes read at a time
_SECONDS = 60.0  # without a byte, after which a connection counts as broken
Progress = Callable[[int, int | None], None]
"""Called with bytes that are there and bytes in all, where these are known."""


def download(url: str, path: Path, sha256: str, progress: Progress | None = None) -> None:
    """Fetches a file, going on from its part if there is one.

    Args:
        url: Where it is.
        path: Where it goes; nothing is fetched if it is there with the right digest.
        sha256: Its SHA-256, or the first digits of it where no more is published.
        progress: Told after every piece.

    Raises:
        VadbenchError: The server refuses, the connection breaks, the disk is full (the part is
            kept, and the same call goes on), or the digest is wrong (the part is removed).
    """
    if path.is_file():
        _check(path, sha256, f"{path} is not the file that {url} should be; move it away")
        return
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, part, progress)
    except urllib.error.HTTPError as error:
        raise VadbenchError(f"{url}: the server says {error.code} {error.reason}") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise VadbenchError(
                f"{path}: the disk is full; free some space and fetch again, it goes on from "
                f"{part.stat().st_size} bytes"
            ) from error
        raise VadbenchError(
            f"{url}: the connection broke ({error}); fetch again, it goes on from where it was"
        ) from error
    try:
        _check(part, sha256, f"{url}: what was fetched has another SHA-256 and was not kept")
    except VadbenchError:
        part.unlink()
        raise
    os.replace(part, path)


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    there = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:
            return  # The part is all of it.
        raise
    with answer:
        if answer.status != 206:
            there = 0  # The server sends all of it again.
        length = answer.headers.get("Content-Length")
        total = there + int(length) if length else None
        with part.open("ab" if there else "wb") as stream:
            while piece := answer.read(_PIECE):
                stream.write(piece)
                there += len(piece)
                if progress is not None:
                    progress(there, total)
            stream.flush()
            os.fsync(stream.fileno())
    if total is not None and there < total:
        raise ConnectionError(f"{there} of {total} bytes came")


def _check(path: Path, sha256: str, message: str) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(sha256.lower()):
        raise VadbenchError(f"{message} (expected {sha256}, found {found})")


def unpack(archive: Path, folder: Path, inside: str) -> None:
    """Makes a folder of a tar archive the folder that is given, whole or not at all.

    Members that lead outside the folder, links out of it and devices are refused.

    Raises:
        VadbenchError: The archive is damaged or hostile, or the folder is there already.
    """
    if folder.exists():
        raise VadbenchError(f"{folder} is there already; move it away to unpack it again")
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with tarfile.open(archive) as file:
            file.extractall(temporary, filter="data")
        os.replace(temporary / inside, folder)
    except tarfile.FilterError as error:
        raise VadbenchError(f"{archive}: refused, a member leads outside ({error})") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise VadbenchError(f"{archive}: cannot be unpacked ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
