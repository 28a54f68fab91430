"""The chain of digests from a run's scores back to raw frames and weights."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vadbench.artefacts import open_artefact
from vadbench.datasets.index import load_json
from vadbench.errors import VadbenchError
from vadbench.host import read_job
from vadbench.plan import Plan, Run
from vadbench.report.site.places import located
from vadbench.report.site.timings import machine_words, number, timing

__all__ = ["Node", "describe", "group_nodes", "read_audit", "read_node", "trace"]


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
        epoch: Of weights of an epoch that was chosen, the epoch, from 1.
        test_auc: The AUC on the test set that they were chosen by.
        train_loss: Or the training loss.
    """

    path: str
    kind: str = ""
    digest: str = ""
    code: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    epoch: int | None = None
    test_auc: float | None = None
    train_loss: float | None = None


def read_node(path: str) -> Node:
    """Reads what a file below the current folder says of itself."""
    try:
        state = Path(path).stat()
    except OSError as error:
        there = not isinstance(error, FileNotFoundError | NotADirectoryError)
        return Node(path, problem=str(error) if there else "not there any more")
    return _read_node(path, Path.cwd(), state.st_ino, state.st_size, state.st_mtime_ns)


@cache
def _read_node(path: str, folder: Path, *state: int) -> Node:
    """Reads a file once for each state that it was in, whatever the current folder is."""
    file = folder / path
    try:
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
            return _weights(path, file)
        if file.suffix == ".json":
            record = json.loads(file.read_text())
            if isinstance(record, dict) and "frames_sha256" in record:
                settings = {key: record[key] for key in ("n_frames", "width", "height", "channels")}
                return Node(path, "clip", str(record["frames_sha256"]), settings=settings)
    except (OSError, ValueError, KeyError, VadbenchError) as error:
        return Node(path, problem=str(error))
    return Node(path)


def _weights(path: str, file: Path) -> Node:
    from safetensors import safe_open

    try:
        with safe_open(file, framework="numpy") as content:
            about = content.metadata() or {}
    except Exception as error:  # its own exception type is not exported in all versions
        return Node(path, "weights", problem=f"not readable ({error})")
    facts = json.loads(about["vadbench"]) if "vadbench" in about else {}
    inputs = facts.get("inputs", {})
    return Node(
        path,
        "weights",
        code=str(facts.get("code", "")),
        settings=dict(facts.get("settings", {})),
        inputs=inputs if isinstance(inputs, dict) else {},
        epoch=facts["epoch"] + 1 if "epoch" in facts else None,
        test_auc=facts.get("test_auc"),
        train_loss=facts.get("train_loss"),
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


def read_audit(numbers: Iterable[Path]) -> dict[str, Any] | None:
    """Returns what the last audit of all results found, and when; None if there was none.

    Args:
        numbers: Files that the report is made from; what was made after the audit was not seen.
    """
    path = located("results/audit.json")
    if not path.is_file():
        return None
    content, made = load_json(path), path.stat().st_mtime
    newer = sum(file.stat().st_mtime > made for file in numbers)
    when = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(made))
    return {"when": when, "newer": newer, **content}


def describe(plan: Plan, run: Run, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all that a run's numbers came from, for a template."""
    job = plan.evaluate_params(run)
    return {
        "anchor": f"{run.variant}-seed{run.seed}",
        "labels": metrics["labels"],
        "protocol": job["default_protocol"],
        "protocols": job["protocols"],
        "fusion": job["weights"],
        "budget": metrics["budget"],
        "configuration": _configuration(plan, run, job, metrics),
        "code": metrics.get("code", ""),
        "libraries": metrics.get("libraries", {}),
        "selections": [_selection(plan, run, metrics, name) for name in metrics["scores"]],
        "jobs": _jobs(plan, run),
    }


def _configuration(plan: Plan, run: Run, job: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Returns one digest of all settings that a run's numbers were computed with.

    They are those that the files record: scores, weights and every artefact they descend from.
    Equal digests mean equal settings, whatever their artefacts are called in a configuration.
    """
    nodes: dict[str, Node] = {}
    for path in plan.scores(run).values():
        nodes |= trace(located(path).as_posix())
    made = {(node.kind, json.dumps(node.settings, sort_keys=True)) for node in nodes.values()}
    own = {
        "run": [run.dataset, run.method, run.variant, run.seed],
        "budget": metrics["budget"],
        "protocol": job["protocols"][job["default_protocol"]],
        "fusion": job["weights"],
        "made": sorted(item for item in made if item[0] != "clip"),
    }
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def _selection(plan: Plan, run: Run, metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Describes the scores and weights of the last epoch, or of one that was chosen."""
    path = f"{run.folder}/{'' if name == 'last' else f'{name}/'}scores/test.h5"
    scores = read_node(located(path).as_posix())
    weights = []
    for stage, file in zip(plan.stages(run), plan.weights(run, name), strict=True):
        place = located(file).as_posix()
        node = read_node(place)
        training = node.settings.get(stage)
        epochs = training.get("epochs") if isinstance(training, dict) else None
        weights.append(
            {
                "stage": stage,
                "path": file,
                "digest": scores.inputs.get(place, ""),
                "code": node.code,
                "epoch": epochs if node.epoch is None else node.epoch,
                "epochs": epochs,
                "test_auc": node.test_auc,
                "train_loss": node.train_loss,
                "chosen": node.epoch is not None,
                "settings": node.settings,
                "inputs": len(node.inputs),
                "problem": node.problem,
            }
        )
    others = {key: value for key, value in scores.inputs.items() if not _is_weights(key)}
    groups = group_nodes({key: read_node(key) for key in others})
    return {
        "name": name,
        "aucs": _aucs(metrics, name),
        "path": path,
        "digest": metrics["scores"][name],
        "code": scores.code,
        "settings": scores.settings,
        "libraries": scores.libraries,
        "problem": scores.problem,
        "weights": weights,
        "epoch": _epoch(weights),
        "inputs": {where: len(nodes) for where, nodes in groups.items()},
        "digests": list(others.items()),
    }


def _epoch(weights: list[dict[str, Any]]) -> int | str | None:
    """The epoch of what is scored: of branches that are chosen each for itself, each one's."""
    chosen = [item for item in weights if item["chosen"]]
    if len(chosen) > 1:
        return ", ".join(f"{item['epoch']} ({item['stage']})" for item in chosen)
    return weights[-1]["epoch"] if weights else None


def _aucs(metrics: Mapping[str, Any], selection: str) -> dict[str, float]:
    """Micro AUC under the method's own protocol: fused, or of each component that stands alone."""
    own = {
        record["score"]: record["value"]
        for record in metrics["records"]
        if (record["selection"], record["metric"]) == (selection, "auc_micro")
        and record["protocol"] == metrics["default_protocol"]
    }
    return {"fused": own["fused"]} if "fused" in own else own


def _is_weights(path: str) -> bool:
    return path.endswith(".safetensors")


def _jobs(plan: Plan, run: Run) -> list[dict[str, Any]]:
    """Describes the jobs behind a run's numbers, as far as they are timed: when, where, how long.

    Stages may be trained by another run, of another variant or data set.
    """
    base, own = located("results/timings"), run.folder.removeprefix("results/")
    places = [
        base / f"train/{file.removeprefix('results/').removesuffix('.safetensors')}.tsv"
        for file in plan.weights(run)
    ]
    places += sorted([*base.glob(f"*/{own}.tsv"), *base.glob(f"*/{own}/*.tsv")])
    found = []
    for path in dict.fromkeys(places):
        place = path.relative_to(base)
        if path.is_file() and (row := timing(path)) is not None:
            rule = place.parts[0]
            name = rule if path.name.startswith("seed") else f"{rule} {path.stem}"
            facts = read_job(located(f"logs/{place}"))
            found.append(
                {
                    "name": name.replace("_", " "),
                    "seconds": number(row.get("s")),
                    "machine": machine_words(facts),
                    "commit": facts.get("commit", ""),
                    "started": facts.get("started", ""),
                }
            )
    return found
