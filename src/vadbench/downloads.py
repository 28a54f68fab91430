"""Downloads: they go on where they broke off, and a file is there only when its digest is right.

The unfinished part of a file lies beside it as `<name>.part`, and its SHA-256 as `<name>.sha256`,
in the form that `sha256sum --check` reads. Where no SHA-256 is published, the digest that the
server states is what a file has to have when it is fetched, and the recorded one from then on.
"""

import errno
import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from vadbench.errors import VadbenchError

__all__ = ["digest_of", "download", "read_digest", "recorded_digest", "remove", "unpack"]

_PIECE = 1 << 20  # bytes read at a time
_SECONDS = 60.0  # without a byte, after which a connection counts as broken
_SHA256, _GIT = 64, 40  # digits of a SHA-256, and of the SHA-1 by which git names content
Progress = Callable[[int, int | None], None]
"""Called with bytes that are there and bytes in all, where these are known."""


def download(url: str, path: Path, sha256: str, progress: Progress | None = None) -> None:
    """Fetches a file, going on from its part if there is one, and records its SHA-256 beside it.

    Args:
        url: Where it is.
        path: Where it goes; nothing is fetched if it is there with the right digest.
        sha256: Its SHA-256, or the first digits of it where no more is published; `md5:` and
            digits where only an MD5 is. Empty where none is published: then the file has to have
            the digest that the server states, as Hugging Face does: the SHA-256 of a large file,
            git's SHA-1 of a small one.
        progress: Told after every piece.

    Raises:
        VadbenchError: The server refuses or states no digest, the connection breaks, the disk is
            full (the part is kept, and the same call goes on), or the digest is wrong (the part is
            removed).
    """
    if path.is_file():
        expected = sha256.lower() or recorded_digest(path)
        if not expected:
            raise VadbenchError(
                f"{path} is there, but nothing says what its digest should be; move it away and "
                "fetch again"
            )
        algorithm, digits = read_digest(expected)
        found = digest_of(path, algorithm)
        if not found.startswith(digits):
            raise VadbenchError(
                f"{path} is not the file that {url} should be; move it away "
                f"(expected {expected}, found {found})"
            )
        return
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        expected = _fetch(url, part, sha256.lower(), progress)
    except urllib.error.HTTPError as error:
        raise VadbenchError(f"{url}: the server says {error.code} {error.reason}") from error
    except (HTTPException, OSError) as error:
        raise _explained(error, url, part) from error
    algorithm, digits = read_digest(expected)
    actual = digest_of(part, algorithm)
    if not actual.startswith(digits):
        part.unlink()
        raise VadbenchError(
            f"{url}: what was fetched has another digest and was not kept "
            f"(expected {expected}, found {actual})"
        )
    try:
        _record(path, digest_of(part))
    except OSError as error:
        raise _explained(error, url, part) from error
    os.replace(part, path)


def _explained(error: HTTPException | OSError, url: str, part: Path) -> VadbenchError:
    if isinstance(error, urllib.error.URLError):
        return VadbenchError(
            f"{url}: {urlsplit(url).hostname} cannot be reached ({error.reason}); is there a "
            "network?"
        )
    if isinstance(error, HTTPException):
        return _broken(error, url)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        there = part.stat().st_size if part.is_file() else 0
        return VadbenchError(
            f"{part}: the disk is full; free some space and fetch again, it goes on from "
            f"{there} bytes"
        )
    if error.filename is not None:
        return VadbenchError(f"{error.filename}: cannot be written ({error.strerror})")
    return _broken(error, url)


def _broken(error: Exception, url: str) -> VadbenchError:
    return VadbenchError(
        f"{url}: the connection broke ({error}); fetch again, it goes on from where it was"
    )


def recorded_digest(path: Path) -> str:
    """Returns the SHA-256 that was recorded when a file was fetched; empty if none was."""
    try:
        return _beside(path).read_text().partition(" ")[0].strip()
    except FileNotFoundError:
        return ""


def remove(path: Path) -> None:
    """Removes a file that was fetched, and what was recorded of it."""
    path.unlink()
    _beside(path).unlink(missing_ok=True)


def _record(path: Path, sha256: str) -> None:
    record = _beside(path)
    temporary = record.with_name(record.name + ".part")
    temporary.write_text(f"{sha256}  {path.name}\n")
    os.replace(temporary, record)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects and keeps what each answer on the way said."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, Message]] = []

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self.passed.append((req.full_url, headers))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _stated(url: str, answers: list[tuple[str, Message]]) -> str:
    """Returns the digest that the server itself states, not one that it refers to.

    Raises:
        VadbenchError: It states none.
    """
    host = urlsplit(url).netloc
    own = [headers for place, headers in answers if urlsplit(place).netloc == host]
    for name in ("X-Linked-ETag", "ETag"):
        for headers in own:
            value = str(headers.get(name, "")).removeprefix("W/").strip('"').lower()
            if len(value) in {_SHA256, _GIT} and set(value) <= set("0123456789abcdef"):
                return value
    raise VadbenchError(
        f"{url}: no SHA-256 of it is published and the server states none, so it cannot be "
        "checked; fetch it yourself if you trust it, and name its path in the configuration"
    )


def _fetch(url: str, part: Path, sha256: str, progress: Progress | None) -> str:
    """Fetches what is missing of a part; returns the digest that it has to have."""
    there = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    redirects = _Redirects()
    try:
        answer = urllib.request.build_opener(redirects).open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:
            # The part is all of it.
            return sha256 or _stated(url, [*redirects.passed, (error.url, error.headers)])
        raise
    with answer:
        expected = sha256 or _stated(url, [*redirects.passed, (answer.url, answer.headers)])
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
    return expected


def read_digest(expected: str) -> tuple[str, str]:
    """Returns the algorithm of a digest that is expected, for `digest_of`, and its digits."""
    kind, named, digits = expected.rpartition(":")
    return (kind if named else "git" if len(digits) == _GIT else "sha256"), digits


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """Returns a digest of a file, in hexadecimal.

    Args:
        path: The file.
        algorithm: `sha256`, `md5`, or `git`: the SHA-1 by which git names the file's content.
    """
    with path.open("rb") as stream:
        if algorithm != "git":
            return hashlib.file_digest(stream, algorithm).hexdigest()
        start = f"blob {path.stat().st_size}\0".encode()
        return hashlib.file_digest(
            stream, lambda: hashlib.sha1(start, usedforsecurity=False)
        ).hexdigest()


def _plain_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Files and folders only: a chain of links gets around Python's own filter."""
    for member in archive:
        if not (member.isreg() or member.isdir()):
            raise tarfile.SpecialFileError(member)
        yield member


def unpack(archive: Path, folder: Path, inside: str) -> None:
    """Makes a folder of a tar archive the folder that is given, whole or not at all.

    Members that lead outside the folder, links and devices are refused.

    Raises:
        VadbenchError: The archive is damaged or hostile, or the folder is there already.
    """
    if folder.exists():
        raise VadbenchError(f"{folder} is there already; move it away to unpack it again")
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with tarfile.open(archive) as file:
            file.extractall(temporary, members=_plain_members(file), filter="data")
        os.replace(temporary / inside, folder)
    except tarfile.FilterError as error:
        raise VadbenchError(f"{archive}: refused, a member leads outside ({error})") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise VadbenchError(f"{archive}: cannot be unpacked ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
