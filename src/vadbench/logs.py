"""Logging of a job: to its log file and to the terminal, with user errors as plain words."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vadbench.errors import VadbenchError

__all__ = ["FINISHED", "job_log"]

FINISHED = "finished"
"""Last word in the log of a job that did its work."""


@contextmanager
def job_log(path: str | Path | None = None) -> Iterator[None]:
    """Logs to standard error and, if given, to a file; ends a failed job with its message.

    Args:
        path: The rule's log file.

    Raises:
        SystemExit: With status 1 after a `VadbenchError`, which is logged without a traceback.
            Any other exception is logged with its traceback and raised.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w"))
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=handlers,
        force=True,
    )
    log = logging.getLogger("vadbench")
    try:
        yield
        log.info(FINISHED)
    except VadbenchError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception:
        log.exception("the job failed; this is a fault of the program, not of your data")
        raise
    finally:
        for handler in handlers:
            handler.close()
