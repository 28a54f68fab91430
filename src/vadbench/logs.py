"""Logging of a job: to its log file and to the terminal, with user errors as plain words."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vadbench.errors import VadbenchError
from vadbench.host import record_job

__all__ = ["FINISHED", "job_log"]

FINISHED = "finished"
"""Last word in the log of a job that did its work."""

_PLACES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; make it writable",
    errno.EACCES: "permission denied; change the file's or folder's permissions",
    errno.EPERM: "not permitted; change the file's or folder's permissions",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
    errno.EIO: "the disk or the file server fails (input/output error); have it looked at",
}
_MEMORY = (
    "out of memory; give the job more (--set-resources RULE:mem_mb=N on a cluster), run fewer at a "
    "time (--cores 1), or let training data take less (memory_gb in the configuration)"
)


@contextmanager
def job_log(path: str | Path | None = None) -> Iterator[None]:
    """Logs to standard error and, if given, to a file; ends a failed job with its message.

    Beside that file, in `<name>.json`, stand the machine and the commit.

    Args:
        path: The rule's log file.

    Raises:
        SystemExit: With status 1 after a `VadbenchError`, a full or failing disk or a lack of
            memory, which is logged without a traceback. Any other exception is logged with its
            traceback and raised.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    level, lost = logging.INFO, ""
    facts: dict[str, str] = {}
    if os.environ.get("LOCAL_RANK", "0") != "0":
        # One of several that train together: the first one tells.
        level = logging.WARNING
    elif path is not None:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(path, mode="w"))
            facts = record_job(Path(path))
        except OSError as error:
            lost = f"{path}: no log is kept ({error.strerror})"
    logging.basicConfig(
        level=level,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=handlers,
        force=True,
    )
    # What cannot be logged, on a disk that is full, is no reason to fail.
    logging.raiseExceptions = False
    log = logging.getLogger("vadbench")
    if lost:
        log.warning("%s", lost)
    if facts:
        commit = facts["commit"] or "not known"
        log.info("on %s, %s; commit %s", facts["host"], facts["processor"], commit)
    try:
        yield
        log.info(FINISHED)
    except VadbenchError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception as error:
        words = _words(error)
        if not words:
            log.exception("the job failed; this is a fault of the program, not of your data")
            raise
        log.error("%s", words)
        sys.exit(1)
    finally:
        for handler in handlers:
            handler.close()


def _words(error: Exception) -> str:
    """What a user can do about an exception of the machine; empty if it is none."""
    if isinstance(error, MemoryError) or _is_torch_memory(error):
        return f"{_MEMORY} ({error})" if str(error) else _MEMORY
    if isinstance(error, OSError) and error.errno in _PLACES:
        return f"{error.filename or 'a file of the job'}: {_PLACES[error.errno]} and run again"
    return ""


def _is_torch_memory(error: Exception) -> bool:
    # A graphics card's has a type of its own, a processor's only a text.
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
