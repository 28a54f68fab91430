"""The numbers of a report's pages: rows of plain values for templates, out of the long table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from vadbench.methods import get_method
from vadbench.plan import Plan
from vadbench.report.summary import label
from vadbench.report.table import list_labels, list_notes

__all__ = [
    "METRICS",
    "absent",
    "every_number",
    "of_anomalies",
    "of_clips",
    "of_methods",
    "of_paper_tables",
    "of_protocols",
    "summary_rows",
    "used_protocols",
]

METRICS = {
    "auc_micro": "AUC, micro",
    "auc_macro": "AUC, macro",
    "eer": "equal error rate",
    "average_precision": "average precision",
    "f1": "best F1",
    "auc_pixel": "AUC, pixels",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
    "tpr": "true-positive rate at the threshold",
    "fpr": "false-positive rate at the threshold",
    "tpr_either": "true-positive rate of either branch",
    "fpr_either": "false-positive rate of either branch",
}
"""Names of the metrics that a page writes out, in its order; others follow by their own."""
_PER_ITEM = {"auc_clip", "auc_anomaly"}
_OF_RUN = {"f1_threshold", "threshold"}  # in the unit of scores, not in percent
Row = dict[str, Any]


def absent(value: Any) -> bool:
    """Whether there is no number."""
    return value is None or bool(pd.isna(value))


def _place(metric: str) -> int:
    names = list(METRICS)
    return names.index(metric) if metric in names else len(names)


def summary_rows(plan: Plan, summary: pd.DataFrame) -> list[Row]:
    """Returns the short table's rows with `label` and `kind`.

    A kind is `method`, its first variant; `ablation`, another; `transfer`, one that was trained on
    another data set; `component`, a score that stands alone; or `baseline`, one of untrained ones.
    """
    rows = []
    for row in summary.to_dict("records"):
        method = get_method(row["method"])
        first = (plan.config.methods[row["method"]].variants or list(method.variants))[0]
        if not method.seeded:
            kind = "baseline"
        elif row["score"] != "fused":
            kind = "component"
        elif row["variant"] == first:
            kind = "method"
        else:
            kind = "transfer" if "@" in row["variant"] else "ablation"
        name = label(row["variant"], row["score"], row["selection"])
        rows.append({str(k): v for k, v in row.items()} | {"label": name, "kind": kind})
    return rows


def of_methods(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """Returns a line per method and in it a cell per data set: itself, or its best component."""
    lines: list[Row] = []
    for name in plan.config.methods:
        cells = {}
        for dataset in dict.fromkeys(run.dataset for run in plan.runs):
            own = [
                row
                for row in rows
                if (row["dataset"], row["method"], row["selection"]) == (dataset, name, "last")
            ]
            main = [row for row in own if row["kind"] == "method"] or own
            with_numbers = [row for row in main if not absent(row["mean"])]
            if main:
                best = max(with_numbers, key=lambda row: row["mean"], default=main[0])
                cells[dataset] = best | {"best": False}
        if cells:
            lines.append({"method": name, "card": get_method(name).card, "cells": cells})
    for dataset in dict.fromkeys(key for line in lines for key in line["cells"]):
        found = [line["cells"][dataset] for line in lines if dataset in line["cells"]]
        numbers = [cell["mean"] for cell in found if not absent(cell["mean"])]
        for cell in found:
            cell["best"] = bool(numbers) and cell["mean"] == max(numbers)
    return lines


def of_protocols(plan: Plan, table: pd.DataFrame) -> list[Row]:
    """Returns a matrix per data set and metric: a line per method, a value per protocol.

    Args:
        plan: The configuration.
        table: As `vadbench.report.table.collect_protocols` returns it.
    """
    own = {name: get_method(name).card.protocol for name in plan.config.methods}
    fused = set(table.loc[table["score"] == "fused", "method"])
    matrices = []
    for (dataset, metric), group in table.groupby(["dataset", "metric"], sort=False):
        if metric in _PER_ITEM | _OF_RUN:
            continue
        names = list(dict.fromkeys(group["protocol"]))
        lines = []
        for key, part in group.groupby(["method", "variant", "score", "selection"], sort=False):
            method, variant, score, selection = map(str, key)
            if score != "fused" and method in fused:
                continue
            means = part.groupby("protocol")["value"].mean()
            lines.append(
                {
                    "method": method,
                    "label": label(variant, score, selection),
                    "own": own.get(method, ""),
                    "values": {name: means.get(name) for name in names},
                    "spread": means.max() - means.min(),
                }
            )
        about = {"dataset": str(dataset), "metric": str(metric)}
        seen = {"labels": list_labels(group), "notes": list_notes(group)}
        matrices.append(about | {"protocols": names, "lines": lines} | seen)
    return sorted(matrices, key=lambda item: _place(item["metric"]))


def used_protocols(plan: Plan, matrices: Iterable[Row]) -> dict[str, Any]:
    """Returns the protocols that matrices name."""
    known = plan.config.all_protocols()
    used = dict.fromkeys(name for item in matrices for name in item["protocols"])
    return {name: known[name] for name in used if name in known}


def of_clips(first: str, index: Mapping[str, Any], own: pd.DataFrame) -> list[Row]:
    """Returns a line per test clip with its AUC, mean over the seeds of the variant `first`.

    Args:
        first: The variant.
        index: The data set's index.
        own: Numbers of a method on the data set under its own protocol.
    """
    aucs = own[(own["metric"] == "auc_clip") & (own["variant"] == first)]
    aucs = aucs[aucs["selection"] == "last"]
    scores = list(dict.fromkeys(aucs["score"]))
    if scores:
        aucs = aucs[aucs["score"] == ("fused" if "fused" in scores else scores[0])]
    means = aucs.groupby("clip")["value"].mean().to_dict()
    return [
        {
            "number": number,
            "name": record["clip"],
            "frames": record["n_frames"],
            "abnormal": sum(b - a + 1 for a, b in index["labels"]["clips"][record["clip"]]),
            "auc": means.get(record["clip"]),
        }
        for number, record in enumerate(index["clips"]["test"])
    ]


def of_paper_tables(plan: Plan, dataset: str, method: str, own: pd.DataFrame) -> list[Row]:
    """Returns a line per number in the paper's tables on a data set, and per variant beside them.

    Args:
        plan: The configuration.
        dataset: The data set.
        method: The method.
        own: All numbers of the method on the data set.
    """
    paper_name = plan.config.datasets[dataset].paper_name
    card, known = get_method(method).card, get_method(method).variants
    own = own[(own["score"] == "fused") & (own["selection"] == "last")]

    def line(table: str, variant: str, metric: str, protocol: str, paper: float | None) -> Row:
        part = own[(own["metric"] == metric) & (own["protocol"] == protocol)]
        values = part.loc[part["variant"] == variant, "value"]
        mean = values.mean() if len(values) else None
        base = known.get(variant.partition("@")[0])
        return {
            "table": table,
            "variant": variant,
            "summary": base.summary if base else "",
            "metric": metric,
            "protocol": protocol,
            "mean": mean,
            "deviation": values.std(ddof=1) if len(values) > 1 else None,
            "seeds": len(values),
            "paper": paper,
            "difference": None if mean is None or paper is None else mean - paper,
        }

    lines = [
        line(
            item.table, item.variant, item.metric, item.protocol or card.protocol, item.value / 100
        )
        for item in card.results
        if item.dataset == paper_name
    ]
    told = {item["variant"] for item in lines}
    lines += [
        line("", variant, "auc_micro", card.protocol, None)
        for variant in dict.fromkeys(own["variant"])
        if variant not in told
    ]
    return lines


def of_anomalies(own: pd.DataFrame) -> Row:
    """Returns the AUC of each kind of anomaly against normal frames, a line per score."""
    chosen = own[(own["metric"] == "auc_anomaly") & (own["selection"] == "last")]
    kinds = list(dict.fromkeys(chosen["anomaly"]))
    lines = []
    for key, part in chosen.groupby(["variant", "score"], sort=False):
        means = part.groupby("anomaly")["value"].mean()
        lines.append((" ".join(map(str, key)), {kind: means.get(kind) for kind in kinds}))
    return {"kinds": kinds, "lines": lines}


def every_number(own: pd.DataFrame) -> list[Row]:
    """Returns every number of a method on a data set but those of single clips, over the seeds.

    Thresholds are in the unit of scores; `note` gives the note of each seed where they differ.
    """
    own = own[~own["metric"].isin(_PER_ITEM)]
    keys = ["variant", "score", "selection", "protocol", "metric"]
    rows = []
    for key, part in own.groupby(keys, sort=False):
        values, paper = part["value"], part["paper"].iloc[0]
        is_share = key[-1] not in _OF_RUN
        said = dict(zip(part["seed"], part["note"], strict=True))
        if not is_share:
            said = {seed: f"{v:.6g}" for seed, v in zip(part["seed"], values, strict=True)}
        rows.append(
            dict(zip(keys, map(str, key), strict=True))
            | {
                "mean": values.mean(),
                "deviation": values.std(ddof=1) if len(values) > 1 else None,
                "seeds": sorted(part["seed"]),
                "low": part["low"].mean() if "low" in part else None,
                "high": part["high"].mean() if "high" in part else None,
                "paper": paper,
                "difference": values.mean() - paper,
                "note": _by_seed(said),
                "is_share": is_share,
            }
        )
    return sorted(rows, key=lambda row: _place(row["metric"]))


def _by_seed(notes: Mapping[int, str]) -> str:
    """Returns a note that all seeds share, or each seed's own."""
    if len(set(notes.values())) == 1:
        return next(iter(notes.values()))
    return "; ".join(f"seed {seed}: {note or 'nothing to note'}" for seed, note in notes.items())
