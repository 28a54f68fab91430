"""The chain of digests from a run's scores back to raw frames and weights."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vadbench.artefacts import open_artefact
from vadbench.errors import VadbenchError
from vadbench.plan import Plan, Run
from vadbench.report.site.timings import number, timing

__all__ = ["Node", "describe", "group_nodes", "read_node", "trace"]


@dataclass(frozen=True)
class Node:
    """A file and what it says of itself.

    Attributes:
        path: Below the project.
        kind: What it is: a kind of artefact, `weights`, `clip`, or empty if it says nothing.
        digest: Its own content digest; empty where its readers' record is the only one.
        code: Fingerprint of the code that made it.
        settings: The settings that made it.
        libraries: Versions of the libraries that computed it.
        inputs: Digest of each file that it was made from, by path.
        problem: Why it could not be read.
    """

    path: str
    kind: str = ""
    digest: str = ""
    code: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@cache
def read_node(path: str) -> Node:
    """Reads what a file below the current folder says of itself."""
    file = Path(path)
    try:
        if not file.exists():
            return Node(path, problem="not there any more")
        if file.suffix == ".h5":
            with open_artefact(file) as artefact:
                return Node(
                    path,
                    artefact.kind,
                    artefact.digest,
                    artefact.code,
                    artefact.settings,
                    artefact.libraries,
                    artefact.inputs,
                )
        if file.suffix == ".safetensors":
            return _weights(file)
        if file.suffix == ".json":
            record = json.loads(file.read_text())
            if isinstance(record, dict) and "frames_sha256" in record:
                settings = {key: record[key] for key in ("n_frames", "width", "height", "channels")}
                return Node(path, "clip", str(record["frames_sha256"]), settings=settings)
    except (OSError, ValueError, KeyError, VadbenchError) as error:
        return Node(path, problem=str(error))
    return Node(path)


def _weights(file: Path) -> Node:
    from safetensors import safe_open

    try:
        with safe_open(file, framework="numpy") as content:
            about = content.metadata() or {}
    except Exception as error:  # its own exception type is not exported in all versions
        return Node(file.as_posix(), "weights", problem=f"not readable ({error})")
    facts = json.loads(about["vadbench"]) if "vadbench" in about else {}
    inputs = facts.get("inputs", {})
    return Node(
        file.as_posix(),
        "weights",
        code=str(facts.get("code", "")),
        settings=dict(facts.get("settings", {})),
        inputs=inputs if isinstance(inputs, dict) else {},
    )


def trace(path: str) -> dict[str, Node]:
    """Returns a file and all that it descends from, by path, nearest first."""
    found: dict[str, Node] = {}
    waiting = [path]
    while waiting:
        item = waiting.pop(0)
        if item not in found:
            found[item] = read_node(item)
            waiting += found[item].inputs
    return found


def group_nodes(nodes: dict[str, Node]) -> dict[str, list[Node]]:
    """Groups files of one kind in one folder: clips of a split belong together."""
    groups: dict[str, list[Node]] = {}
    for path, node in nodes.items():
        groups.setdefault(os.path.dirname(path), []).append(node)  # noqa: PTH120
    return groups


def describe(plan: Plan, run: Run, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all that a run's numbers came from, for a template."""
    path = plan.scores(run)["test"]
    scores = read_node(path)
    job = plan.evaluate_params(run)
    weights = []
    for stage, place in zip(plan.stages(run), plan.weights(run), strict=True):
        node = read_node(place)
        weights.append(
            {
                "stage": stage,
                "path": place,
                "digest": scores.inputs.get(place, ""),
                "code": node.code,
                "settings": node.settings,
                "inputs": len(node.inputs),
                "problem": node.problem,
            }
        )
    others = {key: value for key, value in scores.inputs.items() if not _is_weights(key)}
    groups = group_nodes({key: read_node(key) for key in others})
    return {
        "anchor": f"{run.variant}-seed{run.seed}",
        "labels": metrics["labels"],
        "protocol": job["default_protocol"],
        "protocols": job["protocols"],
        "fusion": job["weights"],
        "budget": metrics["budget"],
        "scores": metrics["scores"],
        "path": path,
        "code": scores.code,
        "settings": scores.settings,
        "libraries": scores.libraries,
        "problem": scores.problem,
        "weights": weights,
        "inputs": {where: len(nodes) for where, nodes in groups.items()},
        "digests": list(others.items()),
        "seconds": _run_seconds(run),
    }


def _is_weights(path: str) -> bool:
    return path.endswith(".safetensors")


def _run_seconds(run: Run) -> dict[str, float]:
    """Wall time of a run's own jobs, by rule and stage, as far as they are timed."""
    base, own = Path("results/timings"), run.folder.removeprefix("results/")
    found = {}
    for path in sorted([*base.glob(f"*/{own}.tsv"), *base.glob(f"*/{own}/*.tsv")]):
        rule = path.relative_to(base).parts[0]
        name = rule if path.name.startswith("seed") else f"{rule} {path.stem}"
        if (row := timing(path)) is not None:
            found[name.replace("_", " ")] = number(row.get("s"))
    return found
