"""Audits results: every file by itself, against what it was made from, and against its data set.

Each artefact names the files that it was made from, with their digests. An audit reads all files,
compares these digests with what lies there now, counts frames against the index, and so follows
every number of a table back to raw frames and labels.
"""

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vadbench import datasets
from vadbench.artefacts import Artefact, file_digest, open_artefact
from vadbench.artefacts.check import CHECKS, check_file
from vadbench.artefacts.facts import LISTING, differences, facts_of, listed_problems
from vadbench.datasets.index import load_json
from vadbench.datasets.intervals import intervals
from vadbench.errors import VadbenchError
from vadbench.jobs import Job, Jobs
from vadbench.plan import Plan

__all__ = ["Finding", "Report", "audit", "descendants", "list_files", "remove"]

_PER_FRAME = frozenset({"scene", "segmentation", "flow", "depth", "objects", "cubes", "views"})
_PER_RUN = frozenset({"scores", "reconstructions", "flow_colours", "panels", "maps"})
_TABLES = Path("results/tables")
# Folders whose files say nothing of themselves, and how these end.
_LISTED = re.compile(r"/(curves|panels|thumbnails|variants/seed\d+)$|^results/(report|tables)$")
_LISTED_KINDS = frozenset({".csv", ".html", ".jpg", ".png"})
_MOST_BOXES = 1000  # per frame; more is no detection but noise
_SLACK = 1.0  # pixels that a box may reach beyond the frame
# What jobs write on their way, and what is drawn from results by commands. Of the report its
# first page and its listing are read, and with that every file.
_NOT_RESULTS = re.compile(
    rf"results/timings/|results/report/(?!({LISTING}|index\.html)$)|results/[^/]+/raw/|results/audit\.json|"
    r"/seed\d+/(training|videos)/|/\.[^/]+/"
)


@dataclass(frozen=True)
class Finding:
    """Something that does not hold.

    Attributes:
        path: The file.
        problem: What is wrong with it, in words.
    """

    path: str
    problem: str


@dataclass(frozen=True)
class Report:
    """What an audit found.

    Attributes:
        findings: What does not hold.
        files: Number of files by ending.
        size: Their size in bytes.
        notes: What could not be looked at, and why; and what is sound, but not what a run of the
            configuration would make now.
    """

    findings: list[Finding]
    files: Mapping[str, int]
    size: int
    notes: list[str] = field(default_factory=list)

    @property
    def unsound(self) -> list[str]:
        """The files of the findings, each once."""
        return list(dict.fromkeys(finding.path for finding in self.findings))

    def plain(self) -> dict[str, Any]:
        """JSON types."""
        return {"sound": not self.findings} | asdict(self)


def audit(
    paths: Iterable[Path],
    plan: Plan | None = None,
    tell: Callable[[Path], None] | None = None,
) -> Report:
    """Audits files and all files below folders.

    Args:
        paths: Files or folders of the project that is the working folder.
        plan: The plan of the configuration; without it labels and raw frames are not looked at.
        tell: Called with each file before it is read.

    Raises:
        VadbenchError: A path does not exist, is none of the project's results, or there is nothing
            to audit.
    """
    paths = list(paths)
    files = list_files(paths)
    if not files:
        raise VadbenchError(
            f"{', '.join(map(str, paths))}: nothing there is a result, so nothing was audited"
        )
    seen = _Audit(files, plan)
    for path in files:
        if tell is not None:
            tell(path)
        seen.look(path)
    for path in files:
        seen.compare(path)
    seen.compare_settings()
    seen.compare_plan()
    seen.note_empty()
    counts = Counter(path.suffix for path in files)
    size = sum(path.stat().st_size for path in files)
    return Report(seen.findings, dict(counts), size, list(dict.fromkeys(seen.notes)))


def list_files(paths: Iterable[Path]) -> list[Path]:
    """Returns the files that an audit reads: artefacts, weights, records, tables and pictures.

    Raises:
        VadbenchError: A path does not exist, or is none of the project's results.
    """
    found: dict[Path, None] = {}
    for path in map(_in_project, paths):
        if not path.exists():
            raise VadbenchError(
                f"{path}: no such file or folder; name a file or a folder below results/"
            )
        inside = path.rglob("*") if path.is_dir() else [path]
        found |= {
            item: None
            for item in sorted(inside)
            if item.suffix in CHECKS
            and item.is_file()
            and not item.name.startswith(".")
            and not _NOT_RESULTS.search(item.as_posix())
        }
    return list(found)


def _in_project(path: Path) -> Path:
    """A path as the workflow names it: from the project's root, which is the working folder."""
    own = Path(os.path.relpath(path))
    if own.parts[:1] != ("results",):
        raise VadbenchError(
            f"{path}: not below results/ of the project in {Path.cwd()}; audit a project from its "
            "own folder"
        )
    return own


def descendants(plan: Plan, unsound: Iterable[str]) -> list[str]:
    """Returns what has to go so that the next run makes unsound files, and no others, again.

    That is the files themselves, what else their jobs make, and all that descends from these: a
    run makes a missing file only if something that it has to make needs it. Of what another
    configuration makes that is what files say that they were made from.
    """
    jobs = Jobs(plan)
    after: dict[Job, list[Job]] = {job: [] for job in jobs}
    for job in jobs:
        for source in jobs.before(job):
            after[source].append(job)
    gone: dict[str, None] = {}
    waiting = []
    wrong = list(unsound)
    foreign = [path for path in wrong if _maker(jobs, path) not in after]
    for path in dict.fromkeys([*wrong, *_made_from(foreign)]):
        makes = _maker(jobs, path) or _maker(jobs, f"{path}/{LISTING}")
        if makes is not None and makes in after:
            waiting.append(makes)
        else:
            # A folder's listing is of all its files, so that they are sound together or not.
            folder = Path(path).parent.as_posix()
            gone[folder if _LISTED.search(folder) else path] = None
    seen = set(waiting)
    while waiting:
        job = waiting.pop()
        gone |= dict.fromkeys(job.outputs)
        for item in after[job]:
            if item not in seen:
                seen.add(item)
                waiting.append(item)
    return sorted(
        path
        for path in gone
        if Path(path).exists() and gone.keys().isdisjoint(map(Path.as_posix, Path(path).parents))
    )


def _maker(jobs: Jobs, path: str) -> Job | None:
    """The job that makes a file, or the folder that it lies in."""
    for place in (path, *(item.as_posix() for item in Path(path).parents)):
        try:
            job = jobs.of(place)
        except VadbenchError:
            job = None  # It is of an entry that the configuration does not have.
        if job is not None:
            return job
    return None


def _made_from(paths: Iterable[str]) -> list[str]:
    """Returns files and all that says that it was made from them, or from what was."""
    found = dict.fromkeys(paths)
    if not found:
        return []
    users: dict[str, list[str]] = {}
    for path in list_files([Path("results")]):
        try:
            facts = facts_of(path) or {"kind": "", "inputs": {}}
        except (VadbenchError, OSError, ValueError):
            continue  # It says nothing; what is wrong with it is a finding of its own.
        place = path.parent if facts["kind"] == "listing" else path
        for source in facts["inputs"]:
            users.setdefault(source, []).append(place.as_posix())
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for user in users.get(name, []) + users.get(f"{name}/{LISTING}", []):
            if user not in found:
                found[user] = None
                waiting.append(user)
    return list(found)


def remove(path: Path) -> None:
    """Removes a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class _Audit:
    """What is known of the files of a tree."""

    def __init__(self, files: Iterable[Path], plan: Plan | None) -> None:
        self.plan = plan
        self._files = frozenset(files)
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self._facts: dict[str, dict[str, Any]] = {}
        self._digests: dict[str, str | None] = {}
        self._records: dict[str, Any] = {}
        self._boxes: dict[str, list[int]] = {}
        self._unsound: set[str] = set()
        # What sound files were made from others than lie there now; with one that was.
        self._disowned: dict[str, str] = {}

    def _find(self, path: Path | str, problem: str) -> None:
        self.findings.append(Finding(str(path), problem))
        self._unsound.add(str(path))

    def look(self, path: Path) -> None:
        """Checks a file by itself."""
        problems = check_file(path)
        for problem in problems:
            self._find(path, problem)
        try:
            facts = facts_of(path)
        except (VadbenchError, OSError, ValueError) as error:
            if not problems:
                self._find(path, str(error).removeprefix(f"{path}: "))
            return
        if facts is not None:
            self._facts[path.as_posix()] = facts

    def compare(self, path: Path) -> None:
        """Compares a file with its place, with what it was made from, and with its data set."""
        facts = self._facts.get(path.as_posix())
        try:
            if facts is not None:
                for problem in _misplaced(path, facts):
                    self._find(path, problem)
                sound = str(path) not in self._unsound
                for source, digest in facts["inputs"].items():
                    self._compare_input(path, source, digest, sound)
            if path.suffix == ".h5" and facts is not None:
                for problem in self._counts(path):
                    self._find(path, problem)
            elif path.name == LISTING and facts is not None:
                for own, problem in listed_problems(path, facts):
                    self._find(own, problem)
                if path == _TABLES / LISTING:
                    self._compare_tables(facts)
            elif path.name == "index.json":
                self._compare_index(path)
            elif path.suffix in _LISTED_KINDS and _LISTED.search(path.parent.as_posix()):
                self._compare_listed(path, path.parent / LISTING)
            elif path.parent.parent.name == "clips" and path.suffix == ".json":
                self._compare_raw(path)
        except (KeyError, TypeError, IndexError, ValueError, OSError, RuntimeError) as error:
            self._find(path, f"does not hold what its kind should ({error!r})")
        except VadbenchError as error:
            self._find(path, str(error).removeprefix(f"{path}: "))

    def _compare_listed(self, path: Path, listing: Path) -> None:
        if listing in self._files:
            return  # It tells of all its files itself.
        if not listing.is_file():
            self._find(path, f"there is no {LISTING} beside it, which says what it is")
            return
        facts = facts_of(listing)
        if facts is not None and facts["files"].get(path.name) != file_digest(path):
            self._find(path, f"is not the file that {listing} lists")

    def _digest(self, path: str) -> str | None:
        if path not in self._digests:
            try:
                self._digests[path] = file_digest(path)
            except VadbenchError:
                self._digests[path] = None
        return self._digests[path]

    def _compare_input(self, path: Path, source: str, digest: str, sound: bool) -> None:
        found = self._digest(source)
        if found == digest:
            return
        if found is not None:
            if sound:
                self._disowned.setdefault(source, path.as_posix())
            self._find(
                path,
                f"was made from {source} with the digest {digest[:16]}, but there lies "
                f"{found[:16]} now",
            )
        elif Path(source).exists():
            self._find(path, f"was made from {source}, which cannot be read now")
        else:
            self.notes.append(f"{source} is no longer there; what was made from it cannot tell")

    def compare_settings(self) -> None:
        """Artefacts that stand side by side are made with the same settings."""
        groups: dict[tuple[str, str], dict[str, list[str]]] = {}
        for name, facts in self._facts.items():
            parts = Path(name).parts
            if facts["kind"] in _PER_FRAME and len(parts) > 3:
                key = ("/".join(parts[:-2]), facts["kind"])
                text = json.dumps(facts["settings"], sort_keys=True)
                groups.setdefault(key, {}).setdefault(text, []).append(name)
        for (folder, _), found in groups.items():
            most = max(found.values(), key=len)
            for names in found.values():
                if names is not most:
                    for name in names:
                        self._find(
                            name, f"was made with other settings than {len(most)} files in {folder}"
                        )

    def compare_plan(self) -> None:
        """Notes which files were made otherwise than the configuration and the code say now."""
        if self.plan is None:
            return
        found: dict[tuple[str, str], list[str]] = {}
        try:
            jobs = Jobs(self.plan)
        except (VadbenchError, OSError) as error:
            self.notes.append(f"settings and code are not compared with those of now ({error})")
            return
        for name, facts in self._facts.items():
            job = _maker(jobs, name)
            if job is not None and (other := differences(facts, job.params[0])):
                found.setdefault((job.rule, " and ".join(other)), []).append(name)
                self._disown(name, f"is made with {' and '.join(other)} than those of now, and")
        for name in self._disowned:
            if name not in self._facts and _maker(jobs, name) is not None:
                self._disown(name, "tells nothing of how it was made, and")
        for (rule, words), names in found.items():
            self.notes.append(
                f"{len(names)} files of {rule} were made with {words} than those of now, such as "
                f"{names[0]}"
            )

    def _disown(self, name: str, words: str) -> None:
        """Finds fault with what a sound file was made from another one in the place of."""
        if name in self._disowned and name not in self._unsound:
            self._find(name, f"{words} is not the file that {self._disowned[name]} was made from")

    def note_empty(self) -> None:
        """Notes splits without any box, which a scene may have, but hardly a data set."""
        for folder, counts in self._boxes.items():
            if not any(counts):
                self.notes.append(f"{folder}: none of {len(counts)} clips has a box")

    def _compare_tables(self, facts: dict[str, Any]) -> None:
        """The tables are those that the metrics of their runs give, by the code of now."""
        if self.plan is None or differences(facts, self.plan.table_params()):
            return
        from vadbench.report import summary, table

        # In the order in which they were read; a configuration may name them in another one.
        runs = [Path(name) for name in facts["inputs"] if name.endswith("/metrics.json")]
        indices = [Path(name) for name in facts["inputs"] if name.endswith("/index.json")]
        metrics = {self.plan.metrics(run) for run in self.plan.runs}
        if {*map(Path.as_posix, runs)} != metrics or not all(map(Path.is_file, runs + indices)):
            self.notes.append(
                f"{_TABLES}: is not of the configuration's runs, or not all that it was made from "
                "is there; it is not recomputed"
            )
            return
        job = self.plan.table_params()["settings"]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            whole = table.collect(runs, indices, job["papers"], job["paper_names"])
            table.write_table(whole, folder / "benchmark.csv")
            table.write_table(table.collect_protocols(runs), folder / "protocols.csv")
            table.write_table(table.collect_events(runs), folder / "events.csv")
            shown = summary.summarise(whole)
            table.write_table(shown, folder / "summary.csv")
            summary.write_short_tables(shown, folder / "benchmark.md", folder / "benchmark.tex")
            for made in sorted(folder.iterdir()):
                own = _TABLES / made.name
                if not own.is_file() or own.read_bytes() != made.read_bytes():
                    self._find(own, "is not what the metrics of its runs give")

    # Against the data set

    @contextmanager
    def _raw(self, dataset: str) -> Iterator[None]:
        """What cannot be looked at is no finding: results may be all that somebody has."""
        try:
            yield
        except (VadbenchError, OSError) as error:
            self.notes.append(f"{dataset}: raw data and labels cannot be looked at ({error})")

    def _record(self, path: str) -> Any:
        if path not in self._records:
            try:
                self._records[path] = load_json(path)
            except VadbenchError:
                self._records[path] = None
                self.notes.append(f"{path} cannot be read; frames are not counted against it")
        return self._records[path]

    def _clips(self, root: Path, dataset: str, split: str) -> list[dict[str, Any]] | None:
        index = self._record((root / dataset / "index.json").as_posix())
        return None if index is None else index["clips"][split]

    def _counts(self, path: Path) -> Iterator[str]:
        facts = self._facts[path.as_posix()]
        kind, dataset, split = facts["kind"], facts["dataset"], facts["split"]
        if kind == "regions":
            self._compare_label_state(path, dataset)
        root = _root(path, dataset)
        if root is None or kind not in {"regions", *_PER_FRAME, *_PER_RUN}:
            return
        clips = self._clips(root, dataset, split)
        if clips is None:
            return
        with open_artefact(path) as artefact:
            if kind in _PER_FRAME:
                own = next((item for item in clips if item["clip"] == facts["clip"]), None)
                if own is None:
                    yield f"the index knows no {split} clip {facts['clip']!r}"
                    return
                yield from _against_clip(artefact, own)
                if kind == "objects":
                    counts = self._boxes.setdefault(path.parent.as_posix(), [])
                    counts.append(len(artefact["boxes"]))
                elif kind == "cubes":
                    yield from _against_objects(artefact)
            elif kind in {"scores", "maps", "regions"}:
                yield from _against_split(artefact, clips)
            elif kind == "panels":
                known = {item["clip"]: item["n_frames"] for item in clips}
                for clip, frame in zip(
                    artefact["clips"].asstr()[:], artefact["frames"][:], strict=True
                ):
                    if frame >= known.get(clip, 0):
                        yield f"pictures frame {frame} of clip {clip}, which is not in the index"

    def _compare_index(self, path: Path) -> None:
        index = load_json(path)
        if index["dataset"] != path.parent.name:
            self._find(path, f"is of the dataset {index['dataset']!r}")
        for split, clips in index["clips"].items():
            for clip in clips:
                record = path.parent / f"clips/{split}/{clip['clip']}.json"
                if record.is_file() and self._record(record.as_posix()) != clip:
                    self._find(path, f"does not hold what {record} says of the clip")
        if self.plan is None or index["dataset"] not in self.plan.config.datasets:
            self.notes.append(f"{path}: the configuration does not name it; labels are not read")
            return
        self._compare_label_state(path, index["dataset"])
        with self._raw(index["dataset"]):
            self._compare_labels(path, index)

    def _compare_labels(self, path: Path, index: Mapping[str, Any]) -> None:
        assert self.plan is not None
        section = self.plan.config.datasets[index["dataset"]]
        labels = datasets.read_labels(section, self.plan.raw_root(index["dataset"]))
        if labels.sha256 != index["labels"]["sha256"]:
            self._find(path, f"the labels of {labels.source} are others now than it was made from")
        for clip, spans in index["labels"]["clips"].items():
            now = labels.clips.get(clip)
            if now is None:
                self.notes.append(f"{path}: the raw clip {clip} is no longer there")
            elif [list(span) for span in intervals(now)] != spans:
                self._find(path, f"clip {clip}: other labels than those of {labels.source}")
                break

    def _compare_label_state(self, path: Path, dataset: str) -> None:
        """Label files, pixel masks among them, are those that the index was made from."""
        if self.plan is None or dataset not in self.plan.config.datasets:
            return
        with self._raw(dataset):
            job = self.plan.index_params(dataset)
            kept = datasets.kept_state(dataset, "labels")
            if "state" not in job:
                return
            if not kept.is_file():
                self.notes.append(f"{kept} is not there; masks are not compared")
            elif load_json(kept)["state"] != job["state"]:
                self._find(path, "the label files or masks are others now than it was made from")

    def _compare_raw(self, path: Path) -> None:
        """Raw files whose times differ are read; scenes are artefacts themselves."""
        dataset, split = path.parts[-4], path.parts[-2]
        if (said := load_json(path)["clip"]) != path.stem:
            self._find(path, f"is of the clip {said!r}")
        if self.plan is None or dataset not in self.plan.config.datasets:
            return
        if self.plan.raw_files(dataset, split, path.stem):
            return
        with self._raw(dataset):
            job = self.plan.clip_params(dataset, split, path.stem)
            kept = datasets.kept_state(dataset, f"{split}/{path.stem}")
            if not kept.is_file():
                self.notes.append(f"{kept} is not there; raw frames are not compared")
            elif load_json(kept)["state"] != job["state"]:
                self._find(path, "the raw frames are others now than those that were checked")


def _misplaced(path: Path, facts: Mapping[str, Any]) -> Iterator[str]:
    """What a file says of itself and its place do not agree on."""
    parts, kind = path.parts, facts["kind"]
    if kind in _PER_FRAME:
        places = {"dataset": -5, "split": -2} | ({"dataset": -4} if kind == "scene" else {})
        if len(parts) >= 5 and parts[-3 if kind == "scene" else -4] != kind:
            yield f"holds {kind}, but lies in {path.parent}"
        for name, place in places.items():
            if len(parts) >= -place and parts[place] != facts[name]:
                yield f"is of the {name} {facts[name]!r}, but lies in {path.parent}"
        if path.stem != facts["clip"]:
            yield f"is of the clip {facts['clip']!r}"
        return
    if kind == "listing":
        if facts["folder"] != path.parent.as_posix():
            yield f"is of {facts['folder']}"
        return
    if kind == "regions":
        if path.parent.name != facts["dataset"]:
            yield f"is of the dataset {facts['dataset']!r}"
        return
    if kind == "cost":
        for key, folder in zip(("dataset", "method", "variant"), parts[-4:-1], strict=False):
            if facts[key] != folder:
                yield f"is of the {key} {facts[key]!r}, but lies in {path.parent}"
        return
    found = (i for i, part in enumerate(parts) if re.fullmatch(r"seed\d+", part))
    seed = max(found, default=None)
    if seed is None or seed < 3:
        return
    own = facts["settings"] | {
        key: facts[key] for key in ("method", "variant", "seed") if key in facts
    }
    said = {"dataset": facts["dataset"]} | {
        key: own[key] for key in ("method", "variant", "seed") if key in own
    }
    where = dict(
        zip(("dataset", "method", "variant", "seed"), parts[seed - 3 : seed + 1], strict=True)
    )
    for key, value in said.items():
        text = f"seed{value}" if key == "seed" else str(value)
        if text != where[key]:
            yield f"is of the {key} {value!r}, but lies in {path.parent}"
    if kind in {"scores", "reconstructions", "flow_colours"} and path.stem != facts["split"]:
        yield f"is of the split {facts['split']!r}"
    if kind == "weights" and path.name.partition(".")[0] != facts["stage"]:
        yield f"is of the stage {facts['stage']!r}"


def _root(path: Path, dataset: str) -> Path | None:
    """The results folder that a file lies in."""
    parts = path.parts
    if dataset not in parts:
        return None
    return Path(*parts[: parts.index(dataset)])


def _against_clip(artefact: Artefact, clip: Mapping[str, Any]) -> Iterator[str]:
    if artefact.n_frames != clip["n_frames"]:
        yield f"{artefact.n_frames} frames, but the clip has {clip['n_frames']}"
        return
    if artefact.kind in {"scene", "flow", "segmentation", "depth"}:
        for name in artefact.fields:
            shape = artefact[name].shape
            if len(shape) > 2 and shape[1:3] != (clip["height"], clip["width"]):
                yield (
                    f"{name}: {shape[2]} x {shape[1]}, but the frames are {clip['width']} x "
                    f"{clip['height']}"
                )
    if "boxes" in artefact:
        yield from _boxes(artefact["boxes"][:], clip["width"], clip["height"])
        counts = np.diff(artefact["frame_offsets"][:])
        if len(counts) and counts.max() > _MOST_BOXES:
            yield f"frame {counts.argmax()}: {counts.max()} boxes, which no scene has"


def _against_objects(artefact: Artefact) -> Iterator[str]:
    """Cubes are as many as the boxes that they were cut at, and these are the same."""
    source = next((name for name in artefact.inputs if "/objects/" in name), None)
    if source is not None and Path(source).is_file():
        with open_artefact(source, "objects") as objects:
            for name in ("frame_offsets", "boxes"):
                if not np.array_equal(objects[name][:], artefact[name][:]):
                    yield f"{name}: not those of {source}"
                    return


def _boxes(boxes: Any, width: int, height: int) -> Iterator[str]:
    if not len(boxes):
        return
    x1, y1, x2, y2 = boxes.T
    outside = (x1 < -_SLACK) | (y1 < -_SLACK) | (x2 > width + _SLACK) | (y2 > height + _SLACK)
    empty = (x2 <= x1) | (y2 <= y1)
    for wrong, words in ((outside, f"outside {width} x {height} pixels"), (empty, "without area")):
        if wrong.any():
            first = int(wrong.argmax())
            yield f"box {first} is {words}: {', '.join(f'{value:g}' for value in boxes[first])}"


def _against_split(artefact: Artefact, clips: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = list(artefact["clips"].asstr()[:])
    if names != [item["clip"] for item in clips]:
        yield f"its {len(names)} clips are not the {len(clips)} of the index, or in another order"
        return
    offsets = artefact["clip_offsets"][:]
    for item, count in zip(clips, np.diff(offsets), strict=True):
        if count != item["n_frames"]:
            yield f"clip {item['clip']}: {count} frames, but the index has {item['n_frames']}"
    if artefact.kind != "scores":
        return  # Regions may reach beyond the frame, and have no scores.
    sizes = {(item["width"], item["height"]) for item in clips}
    yield from _boxes(artefact["boxes"][:], *max(sizes))
    yield from _constant(artefact, names, offsets)


def _constant(artefact: Artefact, names: Sequence[str], offsets: Any) -> Iterator[str]:
    """Clips of which every component has the same score everywhere."""
    objects = artefact["object_offsets"][:]
    fields = [name for name in artefact.fields if "/" in name]
    values = {name: artefact[name][:] for name in fields}
    for clip, start, end in zip(names, offsets[:-1], offsets[1:], strict=True):
        parts = [
            own[objects[start] : objects[end]] if name.startswith("object/") else own[start:end]
            for name, own in values.items()
        ]
        several = [part for part in parts if len(part) > 1]
        if several and all(np.ptp(part) == 0 for part in several):
            yield f"clip {clip}: every score is the same"
