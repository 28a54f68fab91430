"""What a result says of itself: whose it is, from what and with which code it was made."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vadbench.artefacts.check import weights_facts
from vadbench.artefacts.kinds import RECORDS
from vadbench.artefacts.seal import EMPTY, seal_bytes
from vadbench.artefacts.store import file_digest, open_artefact, write_atomically
from vadbench.errors import VadbenchError

__all__ = ["LISTING", "differences", "facts_of", "listed_problems", "write_listing"]

LISTING = "contents.json"
"""Name of the file in a folder of pictures or pages that says what the folder holds."""
_RUN: dict[str, type] = {"dataset": str, "method": str, "variant": str, "seed": int}
_MADE: dict[str, type] = {"code": str, "settings": dict, "inputs": dict}
_NEEDED: dict[str, dict[str, type]] = {
    "weights": _RUN | {"stage": str} | _MADE,
    "metrics": _RUN | _MADE,
    "cost": _RUN | _MADE,
    "listing": {"folder": str, "files": dict} | _MADE,
}
_TOLD = ("budget", "default_protocol")  # settings of a run that its metrics tell
_KINDS = {"metrics.json": "metrics", "cost.json": "cost", LISTING: "listing"}


def facts_of(path: Path) -> dict[str, Any] | None:
    """Returns what a file says of itself.

    Returns:
        `kind`, `code`, `settings`, `inputs` (digests by path) and whose it is; None of a file that
        says nothing.

    Raises:
        VadbenchError: It cannot be read, or lacks what its kind has to say.
    """
    if path.suffix == ".h5":
        with open_artefact(path) as artefact:
            owner = artefact.identity
            facts = {
                "kind": artefact.kind,
                "dataset": owner.dataset,
                "split": owner.split,
                "clip": owner.clip,
                "code": artefact.code,
                "settings": artefact.settings,
                "inputs": artefact.inputs,
            }
    elif path.suffix == ".safetensors":
        facts = {"kind": "weights"} | weights_facts(path)
    elif path.name in _KINDS:
        facts = {"kind": _KINDS[path.name]} | _json(path)
        if path.name == "metrics.json":
            facts["settings"] = {key: facts[key] for key in _TOLD if key in facts}
    else:
        return None
    lacking = [
        key
        for key, form in _NEEDED.get(facts["kind"], _MADE).items()
        if not isinstance(facts.get(key), form)
    ]
    if lacking:
        raise VadbenchError(f"{path}: does not say its {', '.join(lacking)}")
    return facts


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise VadbenchError(f"{path}: cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise VadbenchError(f"{path}: is no record")
    return content


def differences(facts: Mapping[str, Any], job: Mapping[str, Any]) -> list[str]:
    """Returns in what a file was made otherwise than a job of now would make it, in words.

    Args:
        facts: What the file says of itself.
        job: Parameters of the job.
    """
    wanted = json.loads(
        json.dumps(job["settings"] | {key: job[key] for key in _TOLD if key in job})
    )
    found = ["other code"] if facts["code"] != job["code"] else []
    said = facts["settings"]
    other = [key for key, value in wanted.items() if key in said and said[key] != value]
    return found + ([f"other settings ({', '.join(other)})"] if other else [])


def write_listing(
    folder: Path, inputs: Iterable[Path], code: str, settings: Mapping[str, Any] | None = None
) -> None:
    """Writes what a finished folder holds and what it was made from, sealed.

    Args:
        folder: The folder.
        inputs: Files, or folders, of which the latter's own listings count.
        code: Code fingerprint.
        settings: What else its content depends on (JSON types).
    """
    sources = (path / LISTING if path.is_dir() else path for path in inputs)
    content = {
        "seal": EMPTY,
        "schema": RECORDS[LISTING],
        "folder": folder.as_posix(),
        "settings": dict(settings or {}),
        "inputs": {path.as_posix(): file_digest(path) for path in sources},
        "code": code,
        "files": {name: file_digest(folder / name) for name in _names(folder)},
    }
    with write_atomically(folder / LISTING) as stream:
        stream.write(seal_bytes((json.dumps(content, indent=1) + "\n").encode()))


def listed_problems(path: Path, facts: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yields files of a folder that are not those that its listing tells of, and why."""
    folder, files = path.parent, facts["files"]
    there = _names(folder)
    for name in there:
        if name not in files:
            yield folder / name, f"is not among what {path} lists"
        elif file_digest(folder / name) != files[name]:
            yield folder / name, f"is not the file that {path} lists"
    for name in sorted(files.keys() - set(there)):
        yield path, f"{name} is gone"


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != LISTING and not path.name.startswith(".")
    )
