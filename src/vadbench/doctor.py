"""What this installation has, what it lacks, and what to do about it."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from vadbench.errors import VadbenchError

__all__ = ["Finding", "examine"]

_ROOM = 20  # GB: what a data set's artefacts and a download may take
_OPTIONAL = {
    "ptlflow": (
        "flow by networks (flownet2, pwcnet, raft, ...)",
        "make install, or see docs/configuration.md, Optical flow",
    ),
    "detectron2": (
        "segmentation with library: detectron2",
        "it is not on the package index: run with --sdm conda, or install it as "
        "envs/detectron2.yaml says",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: What it is.
        state: `ok`; `note`, which is no fault; `fault`, which some run will stop at.
        found: What is there.
        advice: What to do, if anything.
    """

    what: str
    state: Literal["ok", "note", "fault"]
    found: str
    advice: str = ""


def examine(config: Path) -> Iterator[Finding]:
    """Looks at Python, packages, processor, GPU, disk, and what a configuration needs.

    Args:
        config: The configuration whose data sets and weights are looked for.

    Yields:
        A finding at a time; none of it runs a network or changes a file.
    """
    yield _python()
    yield from _packages()
    yield from _machine()
    yield from _disk()
    yield from _needs(config)


def _python() -> Finding:
    wanted = metadata("vadbench")["Requires-Python"]
    found = platform.python_version()
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return Finding("Python", "ok", found)
    return Finding(
        "Python",
        "fault",
        f"{found}, needed is {wanted}",
        "rm -r .venv; make install PYTHON=/path/to/python3.12",
    )


def _packages() -> Iterator[Finding]:
    needed = [Requirement(line) for line in requires("vadbench") or ()]
    needed = [item for item in needed if item.marker is None or item.marker.evaluate({"extra": ""})]
    wrong = []
    for item in needed:
        try:
            found = version(item.name)
        except PackageNotFoundError:
            wrong.append(f"{item.name} is missing")
            continue
        if not item.specifier.contains(found, prereleases=True):
            wrong.append(f"{item.name} is {found}, needed is {item.specifier}")
    if wrong:
        yield Finding("packages", "fault", "; ".join(wrong), "make install")
    else:
        yield Finding("packages", "ok", f"{len(needed)} as required")
    for name, (use, advice) in _OPTIONAL.items():
        if find_spec(name) is None:
            yield Finding(name, "note", f"not installed; needed for {use}", advice)
        else:
            yield Finding(name, "ok", version(name))


def _machine() -> Iterator[Finding]:
    import torch

    from vadbench.training.machine import use_bfloat16

    fast = use_bfloat16("auto")
    yield Finding(
        "processor",
        "ok" if fast or torch.cuda.is_available() else "note",
        f"{os.cpu_count()} cores; precision auto takes {'bfloat16' if fast else '32 bits'}",
    )
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            memory = f"{about.total_memory / 1e9:.0f} GB"
            yield Finding(
                f"GPU {number}", "ok", f"{about.name}, {memory}, torch {version('torch')}"
            )
    else:
        yield Finding(
            "GPU",
            "note",
            f"none that torch {version('torch')} sees; networks run on the processor",
            "budget: cpu-demo or cpu; the papers' own training lengths want a GPU",
        )


def _disk() -> Iterator[Finding]:
    from vadbench.weights import weights_root

    for what, folder in (("disk, results", Path("results")), ("disk, weights", weights_root())):
        while not folder.exists():
            folder = folder.resolve().parent
        free = shutil.disk_usage(folder).free / 1e9
        writable = os.access(folder, os.W_OK)
        yield Finding(
            what,
            "fault" if not writable else "ok" if free >= _ROOM else "note",
            f"{free:.0f} GB free" if writable else f"{folder} is not writable",
            ("" if free >= _ROOM else f"some data sets take more than {_ROOM} GB of artefacts")
            if writable
            else "make it writable, or run from another folder",
        )


def _needs(config: Path) -> Iterator[Finding]:
    """What the configuration names: data sets, boxes, masks and weights."""
    from vadbench.config import read_config_file
    from vadbench.datasets.survey import survey
    from vadbench.plan import MissingFilesError, Plan
    from vadbench.weights import MissingWeightsError

    try:
        plan = Plan(read_config_file(config))
    except VadbenchError as error:
        yield Finding(config.name, "fault", "not valid", str(error))
        return
    for name, section in plan.config.datasets.items():
        seen = survey(name, section, plan.raw_root(name))
        if seen.state in {"complete", "rendered"}:
            clips = f"{len(seen.train)} training and {len(seen.test)} test clips"
            yield Finding(f"data set {name}", "ok", f"{seen.state}, {clips}")
        else:
            found = f"{seen.state}: {'; '.join(seen.problems)}"
            yield Finding(f"data set {name}", "fault", found, _advice(seen.family, config))
    try:
        plan.check_files()
    except MissingFilesError as error:
        for what, problems in error.problems.items():
            # Data sets were surveyed.
            if not what.startswith("data set "):
                for problem in problems:
                    advice = problem.advice if isinstance(problem, MissingWeightsError) else []
                    found = "\n".join(str(problem).splitlines()[: -len(advice) or None])
                    yield Finding(what, "fault", found, "\n".join(advice))
        if "weights" in error.problems:
            return
    yield Finding("weights", "ok", "those that the configuration needs are there, if any")


def _advice(family: str, config: Path) -> str:
    from vadbench.datasets.sources import SOURCES

    other = f" --config {config}" if config != Path("config.yaml") else ""
    layout = f"vadbench datasets{other} says how it has to lie"
    can_be_fetched = family in SOURCES and SOURCES[family].url
    return f"vadbench fetch dataset {family}; or {layout}" if can_be_fetched else layout
