"""The long table of every number, and the short one for the terminal."""

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from vadbench.artefacts import write_atomically
from vadbench.datasets.index import load_json
from vadbench.errors import VadbenchError

__all__ = ["COLUMNS", "collect", "print_table", "write_table"]

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
"""Columns of `benchmark.csv`. AUCs are 0 to 1, also the paper's; `clip` is empty but for
`auc_clip`, `anomaly` but for `auc_anomaly`; `paper` is given where variant, metric and protocol
are the paper's own."""


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
        own = run["default_protocol"]
        published = {
            (item["variant"], item["metric"], item.get("protocol") or own): item
            for item in papers.get(run["method"], ())
            if item["dataset"] == paper_names[run["dataset"]]
        }
        for record in run["records"]:
            row = {key: run[key] for key in ("dataset", "method", "variant", "seed", "budget")}
            row |= record
            row["default_protocol"] = own
            row["labels_source"] = run["labels"]["source"]
            row["labels_sha256"] = run["labels"]["sha256"]
            row["scores_digest"] = run["scores"][record["selection"]]
            row["warnings"] = "; ".join(warnings[run["dataset"]])
            paper = published.get((run["variant"], record["metric"], record["protocol"]))
            if paper is not None and record["score"] == "fused":
                row["paper"] = paper["value"] / 100
                row["paper_table"] = paper["table"]
                row["difference"] = record["value"] - row["paper"]
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes CSV, whole or not at all."""
    text = StringIO()
    table.to_csv(text, index=False, float_format="%.6f")
    with write_atomically(path) as stream:
        stream.write(text.getvalue().encode())


def _by_anomaly(dataset: str, table: pd.DataFrame) -> Any:
    """Returns a table of what each method sees of each kind of anomaly, mean over seeds."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    kinds = list(dict.fromkeys(table["anomaly"]))
    shown = Table(
        title=f"{dataset}: AUC of each kind of anomaly against normal frames, percent",
        box=SIMPLE_HEAD,
        padding=(0, 0),
    )
    for name in ("method", "variant"):
        shown.add_column(name, overflow="fold")
    for kind in kinds:
        shown.add_column(kind.replace("_", " "), justify="right")
    keys = ["method", "variant", "score", "selection"]
    for key, group in table.groupby(keys, sort=False):
        method, variant, score, selection = map(str, key)
        name = variant if score == "fused" else score
        if selection == "best_test":
            name += " (epoch chosen on test labels)"
        means = group.groupby("anomaly")["value"].mean()
        shown.add_row(method, name, *(f"{100 * means[kind]:.1f}" for kind in kinds))
    return shown


def print_table(path: Path) -> None:
    """Prints the micro AUC of every method and data set under the method's own protocol.

    Raises:
        VadbenchError: The file is no table of vadbench.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    try:
        table = pd.read_csv(path, keep_default_na=False, na_values={"paper": [""]})
        table = table[table["protocol"] == table["default_protocol"]]
        # Of a method that fuses its components the sum is shown, of one that does not all of them.
        is_fused = table["score"] == "fused"
        fuses = is_fused.groupby(table["method"]).transform("any")
        table = table[is_fused | ~fuses]
        anomalies = table[table["metric"] == "auc_anomaly"]
        table = table[table["metric"] == "auc_micro"]
    except (KeyError, ValueError) as error:
        raise VadbenchError(f"{path}: not a table of vadbench ({error}); run again") from error
    console = Console()
    shown = Table(
        title="frame-level AUC, micro, percent; each method under its own protocol",
        box=SIMPLE_HEAD,
        padding=(0, 0),
    )
    # Names are never cut: on a narrow terminal they go on in the next line.
    for name in ("data set", "method", "variant", "budget"):
        shown.add_column(name, overflow="fold")
    for name in ("AUC", "paper", "diff.", "seeds"):
        shown.add_column(name, justify="right", no_wrap=True)
    groups = table.groupby(
        ["dataset", "method", "variant", "score", "selection", "budget"], sort=False
    )
    last = None
    for key, group in groups:
        dataset, method, variant, score, selection, budget = map(str, key)
        if last not in {None, dataset}:
            shown.add_section()
        last = dataset
        values = 100 * group["value"]
        auc = f"{values.mean():.1f}"
        if len(values) > 1:
            auc += f" ± {values.std(ddof=1):.1f}"
        if score != "fused":
            variant = score
        if selection == "best_test":
            variant = f"{variant} (epoch chosen on test labels)"
        paper = group["paper"].iloc[0]
        known = not pd.isna(paper)
        shown.add_row(
            dataset,
            method,
            variant,
            budget or "-",
            auc,
            f"{100 * paper:.1f}" if known else "",
            f"{values.mean() - 100 * paper:+.1f}" if known else "",
            str(len(values)),
        )
    console.print(shown)
    for where, group in anomalies.groupby("dataset", sort=False):
        console.print(_by_anomaly(str(where), group))
    for warning in dict.fromkeys(item for item in table["warnings"] if item):
        console.print(f"warning: {warning}", style="yellow")
    console.print(f"every number, with protocol, labels and digests: {path}", highlight=False)
