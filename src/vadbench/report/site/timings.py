"""Time, memory and bytes of every stage, from the workflow's own timings and the tree."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vadbench.host import read_job
from vadbench.report.site.places import located

__all__ = ["StageCost", "machine_words", "number", "plain", "read_timings", "timing"]

_KINDS = {
    "render_scene": "scene",
    "check_clip": "clips",
    "segment": "segmentation",
    "compute_flow": "flow",
    "estimate_depth": "depth",
    "find_objects": "objects",
    "cut_cubes": "cubes",
    "make_views": "views",
}
"""What the rules that make a file per clip make, in the order of the way of the data."""
_ORDER = [*_KINDS, "index", "train", "apply_frozen", "score", "score_chosen", "evaluate"]
_SEED = re.compile(r"seed\d+")


@dataclass
class StageCost:
    """What all jobs of a rule took for one artefact or variant.

    Attributes:
        rule: The rule.
        dataset: Data set; empty for jobs on all of them.
        name: Artefact, or method and variant, and stage.
        jobs: Number of jobs, as far as their last run is timed.
        seconds: Wall time of all of them.
        memory: Largest resident memory of one, MB.
        frames: Frames that they worked through; 0 where that says nothing.
        size: Bytes of what they made; 0 where unknown.
        machines: The machines that they ran on, in words, as far as jobs recorded theirs.
    """

    rule: str
    dataset: str
    name: str
    jobs: int = 0
    seconds: float = 0.0
    memory: float = 0.0
    frames: int = 0
    size: int = 0
    machines: dict[str, None] = field(default_factory=dict)

    @property
    def speed(self) -> float | None:
        """Frames per second of one job."""
        return self.frames / self.seconds if self.frames and self.seconds else None


def read_timings(
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> list[StageCost]:
    """Adds up `results/timings` by rule, data set and artefact or variant.

    Args:
        lengths: Frames by data set, split and clip.
    """
    found: dict[tuple[str, str, str], StageCost] = {}
    base = located("results/timings")
    for path in sorted(base.rglob("*.tsv")):
        place = path.relative_to(base)
        rule, *parts = place.with_suffix("").parts
        dataset, name, split, clip = _about(rule, parts)
        row = timing(path)
        if row is None:
            continue
        cost = found.setdefault((rule, dataset, name), StageCost(rule, dataset, name))
        cost.jobs += 1
        cost.seconds += number(row.get("s"))
        cost.memory = max(cost.memory, number(row.get("max_rss")))
        if words := machine_words(read_job(located(f"logs/{place}"))):
            cost.machines[words] = None
        clips = lengths.get(dataset, {}).get(split, {})
        cost.frames += clips.get(clip, 0) if clip else sum(clips.values())
    for cost in found.values():
        cost.size = _size(located(f"results/{cost.dataset}"), cost)
    known = {rule: place for place, rule in enumerate(_ORDER)}
    return sorted(
        found.values(),
        key=lambda item: (item.dataset, known.get(item.rule, len(_ORDER)), item.rule, item.name),
    )


def _about(rule: str, parts: list[str]) -> tuple[str, str, str, str]:
    """Data set, name, split and clip of a timing, as far as its path has them."""
    if not parts:
        return "", "", "", ""
    dataset, *rest = parts
    if rule in _KINDS and len(rest) >= 2:
        *names, split, clip = rest
        return dataset, "/".join(names), split, clip
    names = [part for part in rest if not _SEED.fullmatch(part)]
    if rule.startswith("score") and names:
        return dataset, "/".join(names[:-1]), names[-1], ""
    return dataset, "/".join(names), "", ""


def machine_words(facts: Mapping[str, Any]) -> str:
    """Returns in words the machine that a job ran on; empty where it recorded none."""
    return ", ".join(facts[key] for key in ("host", "GPU", "processor") if facts.get(key))


def timing(path: Path) -> dict[str, str] | None:
    """Reads what Snakemake measured of a job; None of an empty file."""
    with open(path, newline="", errors="replace") as stream:
        return next(csv.DictReader(stream, delimiter="\t"), None)


def number(text: str | None) -> float:
    """Returns a measured value, 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:  # Snakemake writes "-" or "NA" for a job too short to be measured.
        return 0.0


def _size(folder: Path, cost: StageCost) -> int:
    if cost.rule in _KINDS:
        return _bytes(folder / _KINDS[cost.rule] / cost.name, "*/*.*")
    patterns = {
        "train": (2, "seed*/{stage}.safetensors"),
        "apply_frozen": (2, "seed*/frozen/*/*.h5"),
        "score": (2, "seed*/scores/*.h5"),
        "score_chosen": (2, "seed*/{stage}/scores/*.h5"),
    }
    if cost.rule not in patterns:
        return 0
    depth, pattern = patterns[cost.rule]
    parts = cost.name.split("/")
    stage = parts[depth] if len(parts) > depth else "*"
    return _bytes(folder.joinpath(*parts[:depth]), pattern.format(stage=stage))


def _bytes(folder: Path, pattern: str) -> int:
    return sum(item.stat().st_size for item in folder.glob(pattern) if item.is_file())


def shown_bytes(size: float) -> str:
    """Returns a size in words."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def shown_seconds(seconds: float) -> str:
    """Returns a time in words."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def plain(cost: StageCost) -> dict[str, Any]:
    """Returns what a page shows of a stage."""
    return {
        "rule": cost.rule.replace("_", " "),
        "dataset": cost.dataset,
        "name": cost.name,
        "jobs": cost.jobs,
        "seconds": cost.seconds,
        "time": shown_seconds(cost.seconds),
        "memory": cost.memory,
        "size": cost.size,
        "bytes": shown_bytes(cost.size) if cost.size else "",
        "speed": cost.speed,
        "machines": "; ".join(cost.machines),
    }
