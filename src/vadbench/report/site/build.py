"""Builds the site from whatever a results tree holds.

    index.html                                the benchmark table
    protocols.html choices.html cost.html provenance.html failures.html
    runs/<dataset>/<method>.html              curves, ROC, pictures, ablations, provenance
    runs/<dataset>/<method>/<run>/            what such a page loads when asked for, a file per clip
    datasets/<dataset>.html                   labels, clips, and where every cached artefact is from
    tables/benchmark.{csv,md,tex} tables/summary.csv tables/protocols.csv
    assets/                                   style, script, Plotly

The pages open from disk, where a script cannot read files: data are scripts that call a function.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from jinja2.utils import htmlsafe_json_dumps

from vadbench import __version__
from vadbench.artefacts import open_artefact, write_atomically
from vadbench.datasets.index import index_labels, load_json
from vadbench.errors import VadbenchError
from vadbench.host import commit_of, machine
from vadbench.methods import Method, get_method
from vadbench.plan import Plan, Run
from vadbench.report.site.curves import Curves, compute_curves
from vadbench.report.site.failures import Standing, look
from vadbench.report.site.numbers import (
    METRICS,
    absent,
    every_number,
    of_anomalies,
    of_clips,
    of_methods,
    of_paper_tables,
    of_protocols,
    summary_rows,
    used_protocols,
)
from vadbench.report.site.places import located
from vadbench.report.site.provenance import (
    Node,
    describe,
    group_nodes,
    read_audit,
    trace,
)
from vadbench.report.site.timings import plain, read_timings
from vadbench.report.summary import add_status, summarise, write_short_tables
from vadbench.report.table import collect, collect_protocols, write_table
from vadbench.report.thumbnails import plan_sheet
from vadbench.scoring.scores import Scores

__all__ = ["Site", "build_site"]

log = logging.getLogger(__name__)
_EVENTS = 12  # events of a run that a page names
_PAGES = (
    ("index.html", "Results"),
    ("protocols.html", "Protocols"),
    ("choices.html", "Choices"),
    ("cost.html", "Cost"),
    ("provenance.html", "Provenance"),
    ("failures.html", "Failures"),
)


@dataclass(frozen=True)
class Site:
    """What was built.

    Attributes:
        index: The first page.
        summary: The short table, which says of each row what is missing or stale.
        standing: How it stands with every run.
    """

    index: Path
    summary: pd.DataFrame
    standing: Standing


def build_site(
    plan: Plan, folder: Path = Path("results/report"), tell: Callable[[str], None] = log.info
) -> Site:
    """Builds the site in place of what was there, all of it or nothing.

    Args:
        plan: The configuration that the results are of; results lie where `results_root` says.
        folder: The site's folder.
        tell: Is called with what is being done.

    Raises:
        VadbenchError: A file of the results tree is damaged.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*.part"):
        shutil.rmtree(left)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    temporary.mkdir()
    try:
        builder = _Builder(plan, temporary, tell)
        builder.build()
        if folder.exists():
            old = folder.with_name(f".{folder.name}.old.part")
            os.replace(folder, old)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Site(folder / "index.html", builder.marked, builder.standing)


@dataclass
class _Results:
    """One run that has numbers."""

    run: Run
    key: str
    metrics: dict[str, Any]
    stale: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.run.variant}, seed {self.run.seed}"


class _Builder:
    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None]) -> None:
        self.plan, self.folder, self.tell = plan, folder, tell
        self.standing = look(plan)
        self.indices = {
            name: load_json(path)
            for path, name in (
                (located(f"results/{name}/index.json"), name)
                for name in dict.fromkeys(run.dataset for run in plan.runs)
            )
            if path.is_file()
        }
        self.environment = jinja2.Environment(
            loader=jinja2.PackageLoader("vadbench.report.site"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {
            "percent": _percent,
            "signed": lambda value: "" if absent(value) else f"{100 * value:+.1f}",
            "count": lambda value: f"{value:,}",
            "scaled": _scaled,
            "words": lambda text: str(text).replace("_", " "),
            "metric": lambda name: METRICS.get(name, str(name).replace("_", " ")),
            "settings": _settings,
        }
        self.environment.globals |= {
            "pages": _PAGES,
            "version": __version__,
            "commit": commit_of(),
            "built": time.strftime("%Y-%m-%d %H:%M %Z"),
            "machine": machine(),
            "budget": plan.config.budget,
            "n_missing": len(self.standing.missing),
        }

    # What there is

    @cached_property
    def results(self) -> dict[tuple[str, str], list[_Results]]:
        """Runs with numbers by data set and method."""
        found: dict[tuple[str, str], list[_Results]] = {}
        for run in self.plan.runs:
            path = located(self.plan.metrics(run))
            if path.is_file() and run.dataset in self.indices:
                group = found.setdefault((run.dataset, run.method), [])
                stale = list(self.standing.stale.get(run, ()))
                group.append(_Results(run, f"r{len(group)}", load_json(path), stale))
        return found

    @cached_property
    def metrics(self) -> list[Path]:
        """The metrics files that there are, in the order of the configuration."""
        runs = [item.run for group in self.results.values() for item in group]
        return [located(self.plan.metrics(run)) for run in sorted(runs, key=self.plan.runs.index)]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The long table of what there is."""
        papers = self.plan.table_params()["settings"]
        return collect(
            self.metrics,
            [located(f"results/{name}/index.json") for name in self.indices],
            papers["papers"],
            papers["paper_names"],
        )

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The short table, with rows that say what is missing."""
        states = self.standing.states(stale=False)
        return add_status(summarise(self.table), states, self.plan.config.budget)

    @cached_property
    def marked(self) -> pd.DataFrame:
        """The same, which says what is stale, too: for where there is no mark beside it."""
        states = self.standing.states(stale=True)
        return add_status(summarise(self.table), states, self.plan.config.budget)

    @cached_property
    def lengths(self) -> dict[str, dict[str, dict[str, int]]]:
        """Frames by data set, split and clip."""
        return {
            name: {
                split: {record["clip"]: record["n_frames"] for record in records}
                for split, records in index["clips"].items()
            }
            for name, index in self.indices.items()
        }

    # Writing

    def build(self) -> None:
        tell = self.tell
        tell("tables")
        self._assets()
        write_table(self.table, self.folder / "tables/benchmark.csv")
        write_table(self.marked, self.folder / "tables/summary.csv")
        write_short_tables(
            self.marked,
            self.folder / "tables/benchmark.md",
            self.folder / "tables/benchmark.tex",
        )
        self._index()
        self._protocols()
        self._page("choices.html", "Choices", "choices.html", methods=self._cards())
        tell("cost")
        self._cost()
        self._page(
            "failures.html",
            "Failures",
            "failures.html",
            standing=self.standing,
            stale=[item for group in self.results.values() for item in group if item.stale],
            warnings={name: index["warnings"] for name, index in self.indices.items()},
        )
        for dataset in self.indices:
            tell(f"data set {dataset}")
            self._dataset(dataset)
        for (dataset, method), group in self.results.items():
            tell(f"{method} on {dataset}")
            self._method(dataset, method, group)
        self._page(
            "provenance.html",
            "Provenance",
            "provenance.html",
            runs=[
                (item, describe(self.plan, item.run, item.metrics))
                for group in self.results.values()
                for item in group
            ],
            datasets=self.indices,
            audit=read_audit(self.metrics),
        )

    def _assets(self) -> None:
        target = self.folder / "assets"
        target.mkdir()
        own = files("vadbench.report.site") / "assets"
        for item in own.iterdir():
            (target / item.name).write_bytes(item.read_bytes())
        bundled = files("plotly") / "package_data/plotly.min.js"
        (target / "plotly.min.js").write_bytes(bundled.read_bytes())

    def _page(self, path: str, title: str, template: str, **content: Any) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        depth = len(Path(path).parts) - 1
        text = self.environment.get_template(template).render(
            title=title, page=path, root="../" * depth, **content
        )
        with write_atomically(target) as stream:
            stream.write(text.encode())

    def _script(self, path: Path, call: str, key: str, content: Mapping[str, Any]) -> None:
        """Writes data as a script, since a page from disk can read nothing else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"vadbench.{call}({htmlsafe_json_dumps(key)},{_json(content)});\n"
        path.write_text(text)

    # The first page

    def _index(self) -> None:
        rows = summary_rows(self.plan, self.summary)
        for row in rows:
            own = self.results.get((row["dataset"], row["method"]), [])
            reasons = [item.stale for item in own if item.run.variant == row["variant"]]
            row["stale"] = "; ".join(dict.fromkeys(chain.from_iterable(reasons)))
            row["href"] = self._href(row["dataset"], row["method"])
        known = [row[key] for row in rows for key in ("mean", "low", "paper")]
        floor = min([0.5, *(value for value in known if not absent(value))])
        self._page(
            "index.html",
            "Results",
            "index.html",
            rows=rows,
            floor=int(floor * 10) / 10,
            matrix=of_methods(self.plan, rows),
            datasets=list(dict.fromkeys(run.dataset for run in self.plan.runs)),
            indices=self.indices,
            unlabelled=self._unlabelled(),
            has_interval=any(not absent(row["low"]) for row in rows),
            kinds=list(dict.fromkeys(row["kind"] for row in rows)),
            seeds=self.plan.config.seeds,
        )

    def _unlabelled(self) -> dict[str, dict[str, str]]:
        """The pages of methods by name, by data set without labels."""
        found: dict[str, dict[str, str]] = {}
        for dataset, method in self.results:
            if not self.indices[dataset]["labels"]["known"]:
                found.setdefault(dataset, {})[method] = self._href(dataset, method)
        return found

    def _href(self, dataset: str, method: str) -> str:
        return f"runs/{dataset}/{method}.html" if (dataset, method) in self.results else ""

    # Protocols, choices, cost

    def _protocols(self) -> None:
        """The same raw scores under every protocol."""
        table = collect_protocols(self.metrics)
        matrices = of_protocols(self.plan, table)
        write_table(table, self.folder / "tables/protocols.csv")
        own: dict[str, list[str]] = {}
        for name, method in self._cards():
            own.setdefault(method.card.protocol, []).append(name)
        self._page(
            "protocols.html",
            "Protocols",
            "protocols.html",
            matrices=matrices,
            protocols=used_protocols(self.plan, matrices),
            own=own,
        )

    def _cards(self) -> list[tuple[str, Method]]:
        return [(name, get_method(name)) for name in self.plan.config.methods]

    def _cost(self) -> None:
        networks = []
        for place in self.plan.costs():
            _, dataset, method, variant, _ = place.split("/")
            if (path := located(place)).is_file():
                about = {"dataset": dataset, "method": method, "variant": variant}
                networks.append(about | load_json(path))
        self._page(
            "cost.html",
            "Cost",
            "cost.html",
            networks=networks,
            stages=[plain(item) for item in read_timings(self.lengths)],
            cards=self._cards(),
        )

    # A data set

    def _dataset(self, dataset: str) -> None:
        index = self.indices[dataset]
        nodes: dict[str, Node] = {}
        for (name, _), group in self.results.items():
            if name == dataset:
                for item in group:
                    for split in ("test", "train"):
                        nodes |= trace(located(self.plan.scores(item.run)[split]).as_posix())
        own = {
            path: node
            for path, node in nodes.items()
            if node.kind not in {"scores", "weights", "reconstructions", "flow_colours"}
        }
        groups = []
        by_folder = group_nodes(own)
        for where in sorted(by_folder):
            members = sorted(by_folder[where], key=lambda node: node.path)
            settings = {json.dumps(node.settings, sort_keys=True) for node in members}
            shared = members[0].settings if len(settings) == 1 else {}
            groups.append(
                {
                    "where": where,
                    "nodes": members,
                    "kind": members[0].kind,
                    "codes": sorted({node.code for node in members if node.code}),
                    "settings": shared,
                    "libraries": members[0].libraries,
                }
            )
        truth = index_labels(index)
        self._page(
            f"datasets/{dataset}.html",
            f"Data set {dataset}",
            "dataset.html",
            dataset=dataset,
            index=index,
            groups=groups,
            abnormal={clip: int(vector.sum()) for clip, vector in truth.items()},
            methods=[method for name, method in self.results if name == dataset],
        )
        source = located(f"results/{dataset}/thumbnails")
        if source.is_dir():
            target = self.folder / "datasets" / dataset
            target.mkdir(parents=True, exist_ok=True)
            for sheet in source.glob("*.jpg"):
                shutil.copyfile(sheet, target / sheet.name)

    # A method on a data set

    def _method(self, dataset: str, method: str, group: Sequence[_Results]) -> None:
        index = self.indices[dataset]
        own = self.table[(self.table["dataset"] == dataset) & (self.table["method"] == method)]
        base = self.folder / "runs" / dataset / method
        for item in group:
            self._run_data(base / item.key, item, index)
        chosen = own[own["protocol"] == own["default_protocol"]]
        card = get_method(method).card
        summary = self.summary[
            (self.summary["dataset"] == dataset) & (self.summary["method"] == method)
        ]
        self._page(
            f"runs/{dataset}/{method}.html",
            f"{method} on {dataset}",
            "method.html",
            dataset=dataset,
            method=method,
            card=card,
            index=index,
            group=group,
            rows=summary_rows(self.plan, summary),
            ablations=of_paper_tables(self.plan, dataset, method, own),
            clips=of_clips(group[0].run.variant, index, chosen),
            anomalies=of_anomalies(chosen),
            numbers=every_number(own),
            events=self._events(group),
            panels=self._panels(dataset, method, group),
            records=[(item, describe(self.plan, item.run, item.metrics)) for item in group],
            data={
                "method": method,
                "dataset": dataset,
                "known": index["labels"]["known"],
                "fps": index["fps"],
                "base": f"{method}",
                "runs": [{"key": item.key, "name": item.name} for item in group],
                "clips": self._clip_facts(dataset, index),
            },
        )

    def _run_data(self, folder: Path, item: _Results, index: Mapping[str, Any]) -> None:
        try:
            curves = self._curves(item, index)
        except VadbenchError as error:
            # The numbers stand; what cannot be drawn is said beside them.
            item.stale.append(f"its scores cannot be drawn: {error}")
            return
        if curves is None:
            return
        about = {
            "roc": curves.roc,
            "ranges": curves.ranges,
            "threshold": item.metrics["threshold"],
            "protocol": item.metrics["default_protocol"],
        }
        self._script(folder / "run.js", "run", item.key, about)
        numbers = {record["clip"]: n for n, record in enumerate(index["clips"]["test"])}
        for clip in curves.clips():
            number = numbers[clip]
            key = f"{item.key}/{number}"
            self._script(folder / f"{number}.js", "clip", key, curves.clip(clip))

    def _curves(self, item: _Results, index: Mapping[str, Any]) -> Curves | None:
        plan, run = self.plan, item.run
        paths = {split: located(path) for split, path in plan.scores(run).items()}
        if not all(paths[split].is_file() for split in ("train", "test")):
            return None
        job = plan.evaluate_params(run)
        protocol = plan.own_protocol(run)
        labels = index_labels(index) if index["labels"]["known"] else None
        train, test = (Scores.load(paths[split]) for split in ("train", "test"))
        return compute_curves(train, test, labels, protocol, job["weights"])

    def _clip_facts(self, dataset: str, index: Mapping[str, Any]) -> list[dict[str, Any]]:
        facts = []
        pictures = located(f"results/{dataset}/thumbnails")
        for number, record in enumerate(index["clips"]["test"]):
            sheet = plan_sheet(record["n_frames"], record["height"], record["width"])
            there = (pictures / f"{number}.jpg").is_file()
            facts.append(
                {
                    "name": record["clip"],
                    "frames": record["n_frames"],
                    "abnormal": index["labels"]["clips"][record["clip"]],
                    "sheet": sheet.plain() if there else None,
                }
            )
        return facts

    def _events(self, group: Sequence[_Results]) -> list[dict[str, Any]]:
        first = group[0]
        clips = [record["clip"] for record in self.indices[first.run.dataset]["clips"]["test"]]
        return [
            event | {"number": clips.index(event["clip"])}
            for event in first.metrics["events"][:_EVENTS]
        ]

    def _panels(self, dataset: str, method: str, group: Sequence[_Results]) -> list[dict[str, Any]]:
        """Pictures of the first seed of every variant, copied beside the page."""
        found, seen = [], set()
        for item in group:
            source = located(item.run.folder) / "panels"
            if item.run.variant in seen or not source.is_dir():
                continue
            seen.add(item.run.variant)
            pictures = []
            names = sorted(source.glob("*.png"))
            facts = _panel_facts(source.with_suffix(".h5"))
            for number, path in enumerate(names):
                target = f"{method}/{item.key}/panel{number}.png"
                self._copy(path, f"runs/{dataset}/{target}")
                about = facts[number] if number < len(facts) else {"words": path.stem}
                pictures.append(about | {"src": target})
            if pictures:
                found.append({"name": item.name, "pictures": pictures})
        variants = sorted(located(f"results/{dataset}/{method}/variants").glob("seed*/*.png"))
        if variants:
            target = f"{method}/variants.png"
            self._copy(variants[0], f"runs/{dataset}/{target}")
            words = "normal frames and one of each kind of anomaly, as every variant sees them"
            found.append({"name": "all variants", "pictures": [{"src": target, "words": words}]})
        return found

    def _copy(self, source: Path, target: str) -> None:
        place = self.folder / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


def _panel_facts(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        with open_artefact(path, "panels") as panels:
            clips = panels["clips"].asstr()[:].tolist()
            frames, scores = panels["frames"][:].tolist(), panels["frame_scores"][:].tolist()
            labels = panels["labels"][:].tolist()
    except VadbenchError:
        return []  # The pictures are shown by their files' names.
    truth = ("normal", "abnormal", "without a label")
    return [
        {
            "words": f"{clip}, frame {frame}, {truth[label]}, score {score:.3g}",
        }
        for clip, frame, score, label in zip(clips, frames, scores, labels, strict=True)
    ]


def _percent(value: Any) -> str:
    return "" if absent(value) else f"{100 * value:.1f}"


def _scaled(value: float) -> str:
    """Returns a count with a unit: 1.2 k, 60.3 M, 1.1 G."""
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def _settings(values: Any) -> str:
    """Returns settings as lines of `key: value`, nested keys with dots."""
    return "\n".join(f"{key}: {value}" for key, value in _flat(values, ""))


def _flat(values: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, json.dumps(values)


def _json(content: Any) -> str:
    return str(htmlsafe_json_dumps(content, dumps=_dumps))


def _dumps(content: Any, **options: Any) -> str:
    # The shortest form: most of a site is numbers.
    return json.dumps(content, separators=(",", ":"), allow_nan=False, **options)
