"""The machine and the commit of a job: kept beside its log, never in what it makes."""

import json
import os
import platform
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["COMMIT", "commit_of", "machine", "read_job", "record_job"]

COMMIT = "COMMIT"
"""File of a frozen copy with the commit that it was made from."""
_GPUS = Path("/proc/driver/nvidia/gpus")


def machine() -> dict[str, str]:
    """Returns what this machine is, in words by name."""
    found = {
        "host": platform.node(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        found["memory"] = f"{memory / 1e9:.0f} GB"
    about = [path.read_text(errors="replace") for path in sorted(_GPUS.glob("*/information"))]
    if gpus := [name[1] for text in about if (name := re.search(r"^Model:\s*(.+)$", text, re.M))]:
        found["GPU"] = ", ".join(gpus)
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        name = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(errors="replace"), re.M)
        if name:
            return name[1]
    return platform.processor() or platform.machine()


def commit_of(root: Path = Path()) -> str:
    """Returns the commit of a project, with a word if files differ; empty if it is in none.

    That of a frozen copy is the one that it was made from.
    """
    if (root / COMMIT).is_file():
        return (root / COMMIT).read_text().strip()

    def git(*words: str) -> list[str]:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        return done.stdout.splitlines()

    try:
        # An enclosing repository that does not hold the project says nothing about it.
        git("ls-files", "--error-unmatch", "Snakefile")
        lines = git("status", "--porcelain=v2", "--branch", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""  # No repository, or no git: a number's code is told by its fingerprint anyway.
    commit = next(line.split()[-1] for line in lines if line.startswith("# branch.oid"))
    changed = any(not line.startswith("#") for line in lines)
    return f"{commit}{' with uncommitted changes' if changed else ''}"


def record_job(log: Path) -> dict[str, str]:
    """Writes machine, commit and start of a job beside its log, and returns them."""
    started = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    facts = machine() | {"commit": commit_of(), "started": started}
    # As with the log: what cannot be kept, on a disk that is full, is no reason to fail.
    with suppress(OSError):
        log.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def read_job(log: Path) -> dict[str, Any]:
    """Returns what `record_job` wrote beside a job's log; empty if there is nothing to read."""
    try:
        facts = json.loads(log.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
