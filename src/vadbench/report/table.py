"""The long table of every number, and the short one for the terminal."""

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vadbench.artefacts import write_atomically
from vadbench.artefacts.seal import checksum_line, checksum_path
from vadbench.datasets.index import load_json
from vadbench.errors import VadbenchError
from vadbench.report.summary import (
    add_status,
    label,
    list_protocols,
    own_protocol,
    short_table,
    summarise,
)
from vadbench.report.terminal import number_table, open_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "COLUMNS",
    "EVENT_COLUMNS",
    "PROTOCOL_COLUMNS",
    "collect",
    "collect_events",
    "collect_protocols",
    "list_labels",
    "list_notes",
    "print_summary",
    "print_table",
    "write_table",
]

COLUMNS = [
    "dataset",
    "method",
    "variant",
    "seed",
    "selection",
    "budget",
    "protocol",
    "score",
    "metric",
    "clip",
    "anomaly",
    "value",
    "low",
    "high",
    "paper",
    "paper_table",
    "difference",
    "note",
    "default_protocol",
    "labels_source",
    "labels_sha256",
    "scores_digest",
    "warnings",
]
"""Columns of `benchmark.csv`. AUCs are 0 to 1, also the paper's; `low` and `high` are the 95 %
interval over clips, empty where there is none; `clip` is empty but for `auc_clip`, `anomaly` but
for `auc_anomaly`; `paper` is given where variant, metric and protocol are the paper's own."""

PROTOCOL_COLUMNS = [
    "dataset",
    "method",
    "variant",
    "seed",
    "selection",
    "budget",
    "score",
    "protocol",
    "metric",
    "value",
    "low",
    "high",
    "note",
    "default_protocol",
    "labels_source",
    "labels_sha256",
]
"""Columns of `protocols.csv`: every run under every protocol, its micro and macro AUC."""


EVENT_COLUMNS = [
    "dataset",
    "method",
    "variant",
    "seed",
    "budget",
    "protocol",
    "rank",
    "clip",
    "first",
    "last",
    "start",
    "end",
    "peak",
    "peak_frame",
    "threshold",
    "x1",
    "y1",
    "x2",
    "y2",
    "labelled",
]
"""Columns of `events.csv`: frames from 0, times in seconds, scores under the method's protocol, the
box of the highest-scoring object in the peak frame, pixels."""
_EVENTS_SHOWN = 10
_NUMBERS = ("value", "low", "high", "paper", "difference")


def collect(
    metrics: Sequence[Path],
    indices: Sequence[Path],
    papers: Mapping[str, Sequence[Mapping[str, Any]]],
    paper_names: Mapping[str, str],
) -> pd.DataFrame:
    """Puts the metrics of all runs into one long table.

    Args:
        metrics: `metrics.json` files.
        indices: `index.json` files of their data sets.
        papers: Numbers that each method's paper reports.
        paper_names: Name in the literature of each data set.
    """
    warnings = {index["dataset"]: index["warnings"] for index in map(load_json, indices)}
    rows = []
    for path in metrics:
        run = load_json(path)
        published = _published(
            papers.get(run["method"], ()), paper_names[run["dataset"]], run["default_protocol"]
        )
        for record in run["records"]:
            row = {key: run[key] for key in ("dataset", "method", "variant", "seed", "budget")}
            row |= record
            row |= _yardstick(run)
            row["scores_digest"] = run["scores"][record["selection"]]
            row["warnings"] = "; ".join(warnings[run["dataset"]])
            paper = published.get((run["variant"], record["metric"], record["protocol"]))
            if paper is not None and record["score"] == "fused":
                row["paper"] = paper["value"] / 100
                row["paper_table"] = paper["table"]
                row["difference"] = record["value"] - row["paper"]
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _published(
    results: Sequence[Mapping[str, Any]], dataset: str, own: str
) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """A paper's numbers of a data set by variant, metric and protocol.

    Of one number in several tables that with the most digits counts (HF2-VAD's 99.3 in Table 1 is
    99.31 in Table 2), of equal ones the first table's.
    """
    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for item in results:
        if item["dataset"] != dataset:
            continue
        key = item["variant"], item["metric"], item.get("protocol") or own
        if key not in found or _decimals(item["value"]) > _decimals(found[key]["value"]):
            found[key] = item
    return found


def _decimals(value: float) -> int:
    return len(str(float(value)).partition(".")[2])


def collect_protocols(metrics: Sequence[Path]) -> pd.DataFrame:
    """Puts what every run has under every protocol into one table.

    Args:
        metrics: `metrics.json` files.
    """
    rows = []
    for path in metrics:
        run = load_json(path)
        about = {key: run[key] for key in ("dataset", "method", "variant", "seed", "budget")}
        rows += [about | record | _yardstick(run) for record in run["matrix"]]
    return pd.DataFrame(rows, columns=PROTOCOL_COLUMNS)


def _yardstick(run: Mapping[str, Any]) -> dict[str, str]:
    """What a run's numbers are measured by."""
    return {
        "default_protocol": run["default_protocol"],
        "labels_source": run["labels"]["source"],
        "labels_sha256": run["labels"]["sha256"],
    }


def list_labels(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Returns source and SHA-256 of the labels that a table's numbers were measured by."""
    pairs = table[["labels_source", "labels_sha256"]].drop_duplicates()
    return [(str(source), str(sha256)) for source, sha256 in pairs.to_numpy()]


def list_notes(table: pd.DataFrame) -> list[str]:
    """Returns each note of a table's numbers once, with the protocols and methods that it is of."""
    said = table[table["note"].fillna("") != ""]
    return [
        f"{', '.join(dict.fromkeys(own['protocol']))}: {note} "
        f"({', '.join(dict.fromkeys(own['method']))})"
        for note, own in said.groupby("note", sort=False)
    ]


def collect_events(metrics: Sequence[Path]) -> pd.DataFrame:
    """Puts the events of all runs into one table, ranked within each run.

    Args:
        metrics: `metrics.json` files.
    """
    rows = []
    for path in metrics:
        run = load_json(path)
        about = {key: run[key] for key in ("dataset", "method", "variant", "seed", "budget")}
        about |= {"protocol": run["default_protocol"], "threshold": run["threshold"]["score"]}
        about |= {"labelled": run["labels"]["known"]}
        for event in run["events"]:
            x1, y1, x2, y2 = event["box"] or [None] * 4
            rows.append(about | event | {"x1": x1, "y1": y1, "x2": x2, "y2": y2})
    return pd.DataFrame(rows, columns=EVENT_COLUMNS)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes CSV and its checksum beside it, each whole or not at all."""
    text = StringIO()
    table.to_csv(text, index=False, float_format="%.9g")
    content = text.getvalue().encode()
    for target, own in (
        (checksum_path(path), checksum_line(content, path)),
        (path, content),
    ):
        with write_atomically(target) as stream:
            stream.write(own)


def _by_variant(dataset: str, summary: pd.DataFrame) -> "Table":
    """Returns a table of the micro AUC of every method, mean and deviation over seeds."""
    from rich.markup import escape

    short = short_table(summary)
    numbers = {"AUC": "AUC", "95 % interval": "95 %", "paper": "paper", "difference": "diff."}
    shown_numbers = [name for name in numbers if short[name].any()] + ["seeds"]
    shown = number_table(
        ("method", "variant", "budget"),
        [numbers.get(name, name) for name in shown_numbers],
        f"{dataset}: frame-level AUC, micro, percent; each method under its own protocol",
    )
    columns = ["method", "variant", "budget", *shown_numbers]
    if "status" in short:
        shown.add_column("status", overflow="fold")
        columns.append("status")
    for _, row in short.iterrows():
        shown.add_row(*(escape(row[name]) for name in columns))
    return shown


def _by_anomaly(dataset: str, table: pd.DataFrame) -> "Table":
    """Returns a table of what each method sees of each kind of anomaly, mean over seeds."""
    kinds = list(dict.fromkeys(table["anomaly"]))
    shown = number_table(
        ("method",),
        [kind.replace("_", " ") for kind in kinds],
        f"{dataset}: AUC of each kind of anomaly against normal frames, percent",
    )
    for key, group in table.groupby(["method", "variant", "score", "selection"], sort=False):
        method, variant, score, selection = map(str, key)
        means = group.groupby("anomaly")["value"].mean()
        name = f"{method} {label(variant, score, selection)}"
        cells = (f"{100 * means[kind]:.1f}" if kind in means else "" for kind in kinds)
        shown.add_row(name, *cells)
    return shown


def _by_event(dataset: str, method: str, events: pd.DataFrame) -> "Table":
    """Returns a table of the highest events of a run on a data set without labels."""
    from rich.markup import escape

    shown = number_table(
        ("clip",),
        ("rank", "from", "to", "peak at", "score", "threshold"),
        f"{dataset}, {method}: the {len(events)} highest events",
    )
    for _, event in events.iterrows():
        shown.add_row(
            escape(event["clip"]),
            str(event["rank"]),
            f"{event['start']:.1f} s",
            f"{event['end']:.1f} s",
            f"frame {event['peak_frame']}",
            f"{event['peak']:.4g}",
            f"{event['threshold']:.4g}",
        )
    return shown


def print_summary(
    console: "Console", summary: pd.DataFrame, anomalies: pd.DataFrame | None = None
) -> None:
    """Prints the short table of each data set, and what is seen of each kind of anomaly.

    Args:
        console: Where to.
        summary: As `vadbench.report.summary.summarise` returns it.
        anomalies: Rows of the long table with the metric `auc_anomaly`.
    """
    for dataset, group in summary.groupby("dataset", sort=False):
        console.print(_by_variant(str(dataset), group))
        if protocols := list_protocols(group):
            console.print(f"protocols  {protocols}", highlight=False, markup=False, soft_wrap=True)
        for source, sha256 in list_labels(group[group["labels_sha256"] != ""]):
            console.print(
                f"labels     {source}, SHA-256 {sha256}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        if anomalies is not None and (anomalies["dataset"] == dataset).any():
            console.print(_by_anomaly(str(dataset), anomalies[anomalies["dataset"] == dataset]))


def print_table(path: Path, states: Mapping[tuple[str, str, str], Mapping[int, str]]) -> None:
    """Prints the micro AUC of every method and data set under the method's own protocol.

    Of data sets without labels, whose events lie beside the table in `events.csv`, it prints these.

    Args:
        path: The long table.
        states: What there is to say of seeds, by data set, method and variant; of others than
            the table's nothing is said.

    Raises:
        VadbenchError: The file is no table of vadbench.
    """
    try:
        table = pd.read_csv(
            path, keep_default_na=False, na_values={name: [""] for name in _NUMBERS}
        )
        table = own_protocol(table)
        anomalies = table[table["metric"] == "auc_anomaly"]
        summary = summarise(table)
        shown = set(summary[["dataset", "method", "variant"]].itertuples(index=False, name=None))
        own = {key: seeds for key, seeds in states.items() if key in shown}
        summary = add_status(summary, own, budget="")
    except (KeyError, ValueError) as error:
        raise VadbenchError(f"{path}: not a table of vadbench ({error}); run again") from error
    console = open_console()
    print_summary(console, summary, anomalies)
    beside = path.with_name("events.csv")
    if beside.is_file():
        events = pd.read_csv(
            beside,
            dtype=dict.fromkeys(("dataset", "method", "variant", "clip"), str),
            keep_default_na=False,
            na_values={name: [""] for name in EVENT_COLUMNS if name != "clip"},
        )
        events = events[~events["labelled"].astype(bool) & (events["rank"] <= _EVENTS_SHOWN)]
        for run, group in events.groupby(["dataset", "method", "variant", "seed"], sort=False):
            dataset, method, variant, seed = map(str, run)
            console.print(_by_event(dataset, f"{method} {variant}, seed {seed}", group))
            console.print(f"all events: {beside}", highlight=False, markup=False, soft_wrap=True)
    for warning in dict.fromkeys(item for item in table["warnings"] if item):
        console.print(f"warning: {warning}", style="yellow", markup=False)
    about = f"every number, with protocol, labels and digests: {path}"
    console.print(about, highlight=False, soft_wrap=True)
