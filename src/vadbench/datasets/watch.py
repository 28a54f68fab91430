"""Tells whether raw files changed, by looking at their content only if their times say so.

Planning sees names, sizes and times of raw files; reading them all would take minutes. The time of
a last change of content (ctime) is among these: nobody can set it, so content cannot change
unseen. But a copied, moved or touched file is not another one. So the job that checks a clip keeps
beside its result a digest of the content and what the times were, and where the times differ the
content decides.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vadbench.artefacts import file_digest, write_atomically
from vadbench.artefacts.fingerprint import cache_folder
from vadbench.datasets.images import EXTENSIONS
from vadbench.errors import VadbenchError

__all__ = ["content_digest", "kept_content", "known_content", "look", "watched"]

log = logging.getLogger(__name__)


def look(paths: Iterable[Path], record: Path | None = None) -> str:
    """Returns a token of the state of files, and of the files in folders.

    Args:
        paths: Files or folders.
        record: What `watched` kept when the files were last read.

    Returns:
        The token that they were last read under if their content is still that, and otherwise
        one of their names, sizes and times.
    """
    paths = list(paths)
    now = _stat_digest(paths)
    kept = _read(record) if record is not None else None
    if kept is None or record is None:
        return now
    if kept["stat"] != now:
        log.info("%s: times or names changed; reading whether the content did", _name(paths))
        if content_digest(paths) != kept["sha256"]:
            return now
        _write_if_possible(record, kept | {"stat": now})
    return str(kept["state"])


@contextmanager
def watched(paths: Iterable[Path], record: Path, state: str) -> Iterator[None]:
    """Keeps what files were like while the block read them.

    Args:
        paths: Files or folders.
        record: Where it is kept.
        state: The token that they are read under.

    Raises:
        VadbenchError: They changed meanwhile.
    """
    paths = list(paths)
    before = _stat_digest(paths)
    yield
    content = content_digest(paths)
    if _stat_digest(paths) != before:
        raise VadbenchError(
            f"{_name(paths)}: changed while it was read; wait until it is complete, then run again"
        )
    _write(record, {"state": state, "stat": before, "sha256": content})


def known_content(paths: Sequence[Path]) -> str:
    """Returns the digest of the content of files, which are read only if they changed.

    What is known of them is kept in the user's cache folder, so that a plan need not read them.

    Raises:
        VadbenchError: One is not there, or cannot be read.
    """
    paths = list(paths)
    names = "\n".join(str(path.resolve()) for path in paths)
    record = cache_folder() / f"files/{hashlib.sha256(names.encode()).hexdigest()}.json"
    try:
        now = _stat_digest(paths)
        kept = _read(record)
        if kept is not None and kept["stat"] == now:
            return str(kept["state"])
        # What one file is called says nothing; of several the names say which is which.
        content = content_digest(paths) if len(paths) > 1 else file_digest(paths[0])
    except OSError as error:
        raise VadbenchError(
            f"{error.filename}: cannot be read ({error.strerror}); the configuration names it"
        ) from error
    state = content[:16]
    _write_if_possible(record, {"state": state, "stat": now, "sha256": content})
    return state


def kept_content(record: Path) -> str | None:
    """Returns the digest of the content that files had when they were last read."""
    kept = _read(record)
    return None if kept is None else str(kept["sha256"])


def content_digest(paths: Iterable[Path]) -> str:
    """Returns the SHA-256 over names and content of files, and of the files in folders."""
    digest = hashlib.sha256()
    for path in _files(paths):
        with open(path, "rb") as stream:
            own = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{Path(path).name} {own}\n".encode())
    return digest.hexdigest()


def _stat_digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for entry in _files(paths):
        found = entry.stat()
        times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
        digest.update(f"{entry.name} {found.st_size} {times}\n".encode())
    return digest.hexdigest()[:16]


def _files(paths: Iterable[Path]) -> Iterator["os.DirEntry[str] | Path"]:
    for path in paths:
        if path.is_dir():
            entries = (entry for entry in os.scandir(path) if _is_picture(entry))
            yield from sorted(entries, key=lambda entry: entry.name)
        else:
            yield path


def _is_picture(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of a folder is one that `images.list_frames` takes."""
    known = Path(entry.name).suffix.lower() in EXTENSIONS and not entry.name.startswith(".")
    return known and not entry.is_dir()


def _name(paths: list[Path]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}" if paths else "no file"


def _read(record: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(record.read_bytes())
        return {key: str(content[key]) for key in ("state", "stat", "sha256")}
    except (OSError, ValueError, KeyError, TypeError):
        return None  # Not there, or damaged: times alone count.


def _write_if_possible(record: Path, content: dict[str, Any]) -> None:
    try:
        _write(record, content)
    except (OSError, VadbenchError) as error:  # Read-only: it is read again the next time.
        log.debug("%s: not kept (%s)", record, error)


def _write(record: Path, content: dict[str, Any]) -> None:
    with write_atomically(record) as stream:
        stream.write((json.dumps(content) + "\n").encode())
