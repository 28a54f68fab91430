"""The terminal's table of somebody else's scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from vadbench.report.terminal import number_table, open_console
from vadbench.scoring.foreign import Truth

__all__ = ["print_scores"]

_COLUMNS = {
    "auc_micro": "micro AUC",
    "auc_macro": "macro AUC",
    "eer": "EER",
    "average_precision": "AP",
    "f1": "best F1",
}
_BOUNDED = ("auc_micro", "auc_macro")  # a table with all intervals would not fit a terminal


def print_scores(records: Sequence[Mapping[str, Any]], truth: Truth) -> None:
    """Prints a line per protocol, in percent, with 95 % intervals, and below what was assumed."""
    shown = number_table(["protocol"], list(_COLUMNS.values()))
    notes: dict[str, list[str]] = {}
    by_protocol: dict[str, dict[str, str]] = {}
    for item in records:
        if item["metric"] in _COLUMNS:
            text = f"{100 * item['value']:.1f}"
            if item["low"] is not None and item["metric"] in _BOUNDED:
                text += f" ({100 * item['low']:.1f}-{100 * item['high']:.1f})"
            by_protocol.setdefault(item["protocol"], {})[item["metric"]] = text
        for note in filter(None, item["note"].split("; ")):
            users = notes.setdefault(note, [])
            if item["protocol"] not in users:
                users.append(item["protocol"])
    for protocol, cells in by_protocol.items():
        shown.add_row(protocol, *(cells.get(metric, "") for metric in _COLUMNS))
    console = open_console()
    console.print(shown)
    abnormal = sum(int(vector.sum()) for vector in truth.clips.values())
    total = sum(map(len, truth.clips.values()))
    about = f"labels: {truth.source} (SHA-256 {truth.sha256[:16]}), {abnormal} of {total} abnormal"
    console.print(about, highlight=False, markup=False, soft_wrap=True)
    for note, users in notes.items():
        who = "all" if len(users) == len(by_protocol) else ", ".join(users)
        console.print(f"{who}: {note}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        "in brackets: 95 % intervals, whole clips drawn 1,000 times; --json has all",
        highlight=False,
    )
