"""What is there of a plan's results, what a run would make again, and why.

Snakemake keeps a record of each file that a job made: the job's parameters and inputs, and
checksums of small inputs. Against it and the files' times it decides what to run; this compares
the same and says it in words. It imports neither Snakemake nor torch.
"""

import ast
import hashlib
import json
import stat
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from os import stat_result
from pathlib import Path
from typing import Any, Literal

from vadbench.artefacts.facts import LISTING, differences, facts_of
from vadbench.artefacts.fingerprint import modules_of
from vadbench.errors import VadbenchError
from vadbench.jobs import Job, Jobs
from vadbench.logs import FINISHED
from vadbench.plan import Plan, Run

__all__ = ["State", "Status", "survey"]

_SMALL = 1_000_000  # bytes: of larger inputs Snakemake keeps no checksum
_NAME = 254  # of a record's file; a longer one goes on in a folder
_STALL = 900.0  # seconds without a sign of life after which that is said
_ORDER = ("running", "failed", "stale", "missing", "done")


@dataclass(frozen=True)
class State:
    """How it stands with a file, or with a run.

    Attributes:
        state: `done`; `running`, a job makes it at this moment; `stale`, it is there and usable but
            a run would make it again; `missing`; `failed`, the job that makes it ended in an error.
        reasons: Why, in words.
        log: The log of the job that runs or failed.
    """

    state: Literal["done", "running", "stale", "missing", "failed"]
    reasons: tuple[str, ...] = ()
    log: str = ""

    def plain(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Status:
    """How it stands with everything that a plan makes.

    Attributes:
        artefacts: For each planned file or folder its state.
        runs: For each run the state of its `metrics.json` and of all that it descends from.
        reruns: The jobs that a run would start.
        causes: The first causes of these, in words, each once.
    """

    artefacts: Mapping[str, State]
    runs: Mapping[Run, State]
    reruns: list[Job] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "runs": [asdict(run) | state.plain() for run, state in self.runs.items()],
            "artefacts": {path: state.plain() for path, state in self.artefacts.items()},
            "reruns": dict(Counter(job.rule for job in self.reruns)),
            "causes": self.causes,
        }


def survey(plan: Plan, targets: Iterable[str] = (), folder: Path = Path()) -> Status:
    """Looks at all that a plan makes, or at what some targets descend from.

    Args:
        plan: The plan.
        targets: Files to be made; everything if none are given.
        folder: Where `results/` lies.

    Raises:
        VadbenchError: A target is made by no rule of the plan.
    """
    seen = _Survey(Jobs(plan, targets), folder)
    artefacts = {path: seen.state(job, path) for job in seen.jobs for path in job.outputs}
    runs = {}
    for run in plan.runs:
        job = seen.jobs.of(plan.metrics(run))
        if job is not None and job in seen.needed:
            runs[run] = seen.of_run(job, artefacts)
    reruns = [job for job in seen.jobs if job in seen.reruns]
    return Status(artefacts, runs, reruns, seen.roots(reruns))


@dataclass(frozen=True)
class _Reason:
    """Why a job would run; `kind` is `killed`, `newer`, `inputs`, `params` or `missing`."""

    kind: str
    words: str


class _Survey:
    """What a run of some jobs would do, and why."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self.jobs, self.folder = jobs, folder
        self._files = _Files(folder)
        self._records = _Records(folder / ".snakemake")
        self.needed: dict[Job, list[Job]] = {job: [] for job in jobs}
        for job in jobs:
            for source in jobs.before(job):
                self.needed[source].append(job)
        self._times = self._output_times()
        self.own = {job: found for job in jobs if (found := list(self._own_reasons(job)))}
        self.reruns = self._spread()

    def _output_times(self) -> dict[Job, float | None]:
        """When the oldest output of each job was made; where none is there, of what is made of it.

        So an intermediate file that is gone is not missed as long as nothing that it is made from
        is newer than what was made of it.
        """
        times: dict[Job, float | None] = {}
        for job in reversed(list(self.jobs)):
            own = [time for path in job.outputs if (time := self._files.made(path)) is not None]
            timing = self._files.made(job.timing)
            if own and timing is not None:
                own.append(timing)
            after = (found for item in self.needed[job] if (found := times[item]) is not None)
            times[job] = min(own) if own else next(after, None)
        return times

    def _own_reasons(self, job: Job) -> Iterator[_Reason]:
        """Why a job would run, whatever the others do."""
        for path in job.outputs:
            if self._records.incomplete(path) and self._files.made(path) is not None:
                words = f"{path}: the job that wrote it was killed before it was done"
                yield _Reason("killed", words)
        records = [self._records.read(path) for path in job.outputs]
        made = self._times[job]
        if made is not None:
            for path in job.inputs:
                changed = self._files.changed(path)
                if changed is not None and changed > made:
                    yield from self._newer(path, changed, made, records)
        if None not in records:
            yield from _differences(job, [record for record in records if record is not None])

    def _newer(
        self, path: str, changed: float, made: float, records: list[dict[str, Any] | None]
    ) -> Iterator[_Reason]:
        words = f"{path} was written {_when(changed)}, after this was made {_when(made)}"
        sums = {(record or {}).get("input_checksums", {}).get(path) for record in records}
        known = next(iter(sums)) if len(sums) == 1 else None
        if known is None or self._files.size(path) > _SMALL:
            why = "it is too large" if self._files.size(path) > _SMALL else "none was kept"
            yield _Reason("newer", f"{words}; Snakemake compares no checksum of it ({why})")
        else:
            before, now = known.removeprefix("sha256:"), self._files.sha256(path)
            if before != now:
                words += f"; its content changed, SHA-256 {before[:12]} -> {now[:12]}"
                yield _Reason("newer", words)

    def _spread(self) -> dict[Job, list[_Reason]]:
        """All jobs that would run, each with its own reasons and those of others."""
        found = {job: list(reasons) for job, reasons in self.own.items()}
        for path in self.jobs.targets:
            job = self.jobs.of(path)
            assert job is not None
            if self._files.made(path) is None:
                words = f"{path} is not there, and it is asked for"
                found.setdefault(job, []).append(_Reason("missing", words))
        waiting = list(found)
        while waiting:
            job = waiting.pop()
            for source in self.jobs.before(job):
                gone = [path for path in source.outputs if self._files.made(path) is None]
                if gone and not set(gone).isdisjoint(job.inputs):
                    if source not in found:
                        waiting.append(source)
                    reasons = found.setdefault(source, [])
                    if all(item.kind != "missing" for item in reasons):
                        words = f"{gone[0]} is not there, and {job.rule} needs it"
                        reasons.append(_Reason("missing", words))
            for after in self.needed[job]:
                if after not in found:
                    found[after] = []
                    waiting.append(after)
        return found

    def reasons(self, job: Job) -> list[str]:
        """Why a job would run: its own reasons and, of what it reads, what is made again."""
        if job not in self.reruns:
            return []
        own = [reason.words for reason in self.reruns[job]]
        again = [item for item in self.jobs.before(job) if item in self.reruns]
        for rule, count in Counter(item.rule for item in again).items():
            first = next(item for item in again if item.rule == rule)
            more = f" and {count - 1} more of {rule}" if count > 1 else f" (by {rule})"
            own.append(f"is made from {first.outputs[0]}{more}, made again")
        return own

    def roots(self, jobs: Iterable[Job]) -> list[str]:
        """The first causes among some jobs, each once, with how many jobs have the like."""
        first: dict[tuple[str, ...], str] = {}
        counts: Counter[tuple[str, ...]] = Counter()
        for job in jobs:
            for reason in self.reruns.get(job, []):
                # What changed in parameters is the same for many jobs, what happened to files not.
                own = (reason.words,) if reason.kind == "params" else ()
                key = (job.rule, reason.kind, *own)
                first.setdefault(key, reason.words)
                counts[key] += 1
        return [
            f"{key[0]}: {words}" + (f" ({counts[key]} jobs)" if counts[key] > 1 else "")
            for key, words in first.items()
        ]

    def state(self, job: Job, path: str) -> State:
        """How it stands with an output of a job."""
        if (sign := self._running(job)) is not None:
            return State("running", (sign,), job.log)
        there = self._files.made(path) is not None
        if job not in self.reruns:
            if there:
                other = self._made_otherwise(job, path)
                return State("stale", (other,)) if other else State("done")
            return State("missing", ("it is not there, but nothing that is to be made needs it",))
        if not there:
            error = self._failure(job)
            if error is not None:
                return State("failed", (error,), job.log)
        return State("stale" if there else "missing", tuple(self.reasons(job)))

    def _made_otherwise(self, job: Job, path: str) -> str | None:
        """In what a file without a record, say a copied one, says that it was made otherwise."""
        if self._records.read(path) is not None:
            return None
        place = self.folder / path
        try:
            facts = facts_of(place / LISTING if place.is_dir() else place)
        except (VadbenchError, OSError, ValueError) as error:
            return f"{error}; Snakemake has no record of it and keeps it, so remove it"
        words = " and ".join(differences(facts, job.params[0])) if facts is not None else ""
        return (
            f"{path} was made with {words}; Snakemake has no record of it and keeps it: remove it "
            "to have it made again"
            if words
            else None
        )

    def of_run(self, job: Job, artefacts: Mapping[str, State]) -> State:
        """How it stands with a run whose metrics a job makes."""
        whole = self._ancestors(job)
        states = {item: artefacts[item.outputs[0]] for item in whole}
        for name in ("running", "failed"):
            found = {item: state for item, state in states.items() if state.state == name}
            if found:
                first, state = next(iter(found.items()))
                more = f" ({len(found)} jobs)" if len(found) > 1 else ""
                words = f"{first.rule}: {state.reasons[0]}{more}"
                return State(state.state, (words,), first.log)
        own = states[job]
        if own.state == "done":
            other = [state.reasons[0] for state in states.values() if state.state == "stale"]
            return State("stale", tuple(other)) if other else own
        if own.state == "missing":
            there = sum(state.state == "done" for state in states.values())
            return State("missing", (f"{there} of {len(whole)} jobs are done",))
        return State(own.state, tuple(self.roots(whole)) or own.reasons)

    def _ancestors(self, job: Job) -> list[Job]:
        seen, waiting = {job: None}, [job]
        while waiting:
            for source in self.jobs.before(waiting.pop()):
                if source not in seen:
                    seen[source] = None
                    waiting.append(source)
        return [item for item in self.jobs if item in seen]

    def _running(self, job: Job) -> str | None:
        """Words on a job that runs at this moment; None if it does not."""
        if not self._records.locked or not any(map(self._records.incomplete, job.outputs)):
            return None
        last = max(self._signs(job), default=None)
        if last is None:
            return "submitted, or about to start"
        age = time.time() - last
        if age > _STALL:
            return (
                f"no sign of life for {_span(age)}: if no run is on, it was killed; then "
                "snakemake --unlock, and run again"
            )
        return f"last sign of life {_span(age)} ago"

    def _signs(self, job: Job) -> Iterator[float]:
        """When a job last wrote to its log, to what becomes its output, or to its checkpoints."""
        paths: list[Path] = [self.folder / job.log]
        for name in job.outputs:
            path = self.folder / name
            paths += path.parent.glob(f".{path.name}.*.part")
            if job.rule == "train":
                work = path.parent / "training" / job.at["stage"]
                paths += chain(work.glob("last.*"), work.glob("logs/*/*"))
        for path in paths:
            try:
                yield path.stat().st_mtime
            except OSError:
                continue  # Not there, or just renamed.

    def _failure(self, job: Job) -> str | None:
        """The message that a job ended with; None if it did not fail."""
        try:
            lines = (self.folder / job.log).read_text(errors="replace").splitlines()
        except OSError:
            return None
        if (lines and lines[-1].endswith(FINISHED)) or any(
            map(self._records.incomplete, job.outputs)
        ):
            return None
        errors = [line.partition(" ERROR ")[2] for line in lines if " ERROR " in line]
        return errors[0] if errors else "it ended before it was done; killed, or out of memory?"


def _differences(job: Job, records: list[dict[str, Any]]) -> Iterator[_Reason]:
    """In what a job's parameters and inputs differ from those that its outputs were made with."""
    inputs, params = sorted(job.inputs), {repr(item) for item in job.params}
    said: dict[_Reason, None] = {}
    for record in records:
        before, old = record.get("input"), record.get("params")
        if before is not None and before != inputs:
            lost, new = sorted(set(before) - set(inputs)), sorted(set(inputs) - set(before))
            parts = [
                f"{words} {paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
                for words, paths in (("no longer reads", lost), ("now reads", new))
                if paths
            ]
            words = " and ".join(parts or ["reads the same files in another number"])
            said[_Reason("inputs", f"it {words}")] = None
        if old is not None and set(old) != params:
            said |= {_Reason("params", words): None for words in _changes(old, job.params)}
    yield from said


def _changes(recorded: list[str], params: tuple[Any, ...]) -> Iterator[str]:
    """The parameters that changed, in words: a job's own, and the fingerprint of its script."""
    try:
        before = {type(value): value for value in map(ast.literal_eval, recorded)}
    except (ValueError, SyntaxError):  # Such as a number that is infinite.
        yield "its parameters changed"
        return
    now = {type(value): value for value in params}
    yield from _changed_values(before.get(dict, {}), now.get(dict, {}), "")
    if before.get(str) != now.get(str):
        yield "the script of its rule changed"


def _changed_values(before: Any, now: Any, key: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted(before.keys() | now.keys(), key=str):
            place = f"{key}.{name}" if key else str(name)
            if name not in before:
                yield f"{place}: not set -> {now[name]!r}"
            elif name not in now:
                yield f"{place}: {before[name]!r} -> not set"
            else:
                yield from _changed_values(before[name], now[name], place)
    elif before != now or type(before) is not type(now):
        last = key.rpartition(".")[2]
        if last in {"code", "judge"}:
            yield _changed_code(str(before), str(now), key)
        elif last == "state":
            yield "its raw files or labels changed (names, sizes or content)"
        elif key.startswith("files."):
            yield f"the content of its {last} changed, SHA-256 {before} -> {now}"
        else:
            yield f"{key}: {before!r} -> {now!r}"


def _changed_code(before: str, now: str, key: str) -> str:
    old, new = modules_of(before), modules_of(now)
    if old is None or new is None:
        return f"{key}: fingerprint {before} -> {now} (which modules changed is not known)"
    parts = [
        f"{words} {', '.join(names)}"
        for words, names in (
            ("changed", [name for name in old if name in new and old[name] != new[name]]),
            ("new", [name for name in new if name not in old]),
            ("no longer used", [name for name in old if name not in new]),
        )
        if names
    ]
    return f"{key}: {'; '.join(parts)} (fingerprint {before} -> {now})"


class _Files:
    """Times, sizes and checksums of files, looked up once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, float | None] = {}
        self._changed: dict[str, float | None] = {}
        self._sums: dict[str, str] = {}

    def _path(self, path: str) -> Path:
        return self._folder / path

    def made(self, path: str) -> float | None:
        """When an output was made; None if it is not there."""
        if path not in self._made:
            try:
                found = self._path(path).lstat()
                if stat.S_ISDIR(found.st_mode):
                    found = self._stamp(path, found)
                self._made[path] = found.st_mtime
            except OSError:
                self._made[path] = None
        return self._made[path]

    def _stamp(self, path: str, folder: stat_result) -> stat_result:
        try:
            return (self._path(path) / ".snakemake_timestamp").stat()
        except OSError:
            return folder

    def changed(self, path: str) -> float | None:
        """When an input was changed; None if it is not there."""
        if path not in self._changed:
            try:
                own = self._path(path)
                self._changed[path] = max(own.stat().st_mtime, own.lstat().st_mtime)
            except OSError:
                self._changed[path] = None
        return self._changed[path]

    def size(self, path: str) -> int:
        """Size in bytes."""
        return self._path(path).stat().st_size

    def sha256(self, path: str) -> str:
        """SHA-256 of a file."""
        if path not in self._sums:
            with open(self._path(path), "rb") as stream:
                self._sums[path] = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._sums[path]


class _Records:
    """What Snakemake wrote down: a record per file, marks of unfinished ones, and locks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> dict[str, Any] | None:
        """The record of a file; None if there is none that can be read."""
        try:
            content = (self._folder / "metadata" / _record_name(path)).read_bytes()
            record = json.loads(content)
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record else None

    @cached_property
    def _incomplete(self) -> frozenset[str]:
        root = self._folder / "incomplete"
        return frozenset(
            item.relative_to(root).as_posix() for item in root.rglob("*") if item.is_file()
        )

    def incomplete(self, path: str) -> bool:
        """Whether a job that makes a file was started and did not end."""
        return bool(self._incomplete) and _record_name(path) in self._incomplete

    @cached_property
    def locked(self) -> bool:
        """Whether a run is on, or was killed."""
        return any((self._folder / "locks").glob("*.lock"))


def _record_name(path: str) -> str:
    text = urlsafe_b64encode(path.encode()).decode()
    parts = [text[i : i + _NAME] for i in range(0, len(text), _NAME)]
    return "/".join([*(f"@{part}" for part in parts[:-1]), parts[-1]])


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _span(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
