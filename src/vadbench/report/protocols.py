"""The table of protocols: the same raw scores of every run under each of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vadbench.datasets.index import index_labels, load_json
from vadbench.errors import VadbenchError
from vadbench.methods import get_method, nearest
from vadbench.report.summary import SELECTIONS
from vadbench.report.table import PROTOCOL_COLUMNS, list_labels, list_notes
from vadbench.report.terminal import open_console
from vadbench.scoring.evaluate import protocol_matrix
from vadbench.scoring.protocol import Protocol, protocol_name
from vadbench.scoring.scores import Scores

if TYPE_CHECKING:
    from vadbench.plan import Plan, Run

__all__ = ["choose_protocols", "compute_matrix", "print_matrix"]

_NAMES = 36  # characters of the columns that name protocol and AUC


def choose_protocols(known: dict[str, Protocol], names: Sequence[str]) -> dict[str, Protocol]:
    """Returns protocols by the names that somebody wrote; all if none.

    Raises:
        VadbenchError: There is no such protocol; the message names the nearest.
    """
    chosen = {}
    for written in names:
        name = protocol_name(written, known)
        if name not in known:
            raise VadbenchError(f"there is no protocol {written!r}{nearest(written, list(known))}")
        chosen[name] = known[name]
    return chosen or known


def compute_matrix(
    plan: "Plan", folders: Sequence[str], names: Sequence[str], tell: Callable[[str], None]
) -> pd.DataFrame:
    """Evaluates the raw scores of finished runs under every protocol; nothing is trained.

    Args:
        plan: The resolved configuration.
        folders: Runs by folder; all that have scores if empty.
        names: Protocols; all if empty.
        tell: Is told the folder of each run.

    Raises:
        VadbenchError: There is no such run or protocol, or no run has scores of labelled clips.
    """
    known = {run.folder: run for run in plan.runs}
    wanted = [folder.rstrip("/") for folder in folders]
    for folder in wanted:
        if folder not in known:
            raise VadbenchError(f"there is no run {folder!r}{nearest(folder, list(known))}")
    rows: list[dict[str, Any]] = []
    for folder in wanted or known:
        run = known[folder]
        files = plan.scores(run)
        if not all(Path(file).is_file() for file in files.values()):
            if wanted:
                raise VadbenchError(f"{folder}: has no scores yet; run snakemake first")
            continue
        index = load_json(f"results/{run.dataset}/index.json")
        if not index["labels"]["known"]:
            continue
        tell(folder)
        rows += _run_rows(plan, run, files, index, names)
    if not rows:
        raise VadbenchError("no run has scores of clips with labels yet; run snakemake first")
    return pd.DataFrame(rows, columns=PROTOCOL_COLUMNS)


def _run_rows(
    plan: "Plan", run: "Run", files: dict[str, str], index: dict[str, Any], names: Sequence[str]
) -> list[dict[str, Any]]:
    method, settings = get_method(run.method), plan.settings(run)
    pairs = {
        name: (files[f"{prefix}train"], files[f"{prefix}test"])
        for name in plan.selections(run)
        for prefix in ["" if name == "last" else f"{name}_"]
    }
    about = {
        "dataset": run.dataset,
        "method": run.method,
        "variant": run.variant,
        "seed": run.seed,
        "budget": plan.budget(run),
        "default_protocol": method.card.protocol,
        "labels_source": index["labels"]["source"],
        "labels_sha256": index["labels"]["sha256"],
    }
    records = protocol_matrix(
        {key: (Scores.load(train), Scores.load(test)) for key, (train, test) in pairs.items()},
        index_labels(index),
        choose_protocols(plan.protocols(run, every=True), names),
        method.fusion_weights(settings, run.base),
    )
    return [about | record for record in records]


def _side_by_side(titles: dict[Any, list[str]], width: int) -> list[list[Any]]:
    """Cuts columns into tables that a terminal is wide enough for."""
    parts: list[list[Any]] = []
    left = 0
    for column, lines in titles.items():
        own = max(map(len, lines)) + 2
        if not parts or own > left:
            parts.append([])
            left = width
        parts[-1].append(column)
        left -= own
    return parts


def print_matrix(table: pd.DataFrame, known: dict[str, Protocol], *, components: bool) -> None:
    """Prints a table for each data set: a line per protocol, a column per method.

    Args:
        table: `protocols.csv`; numbers are means over seeds.
        known: Protocols by name, for the AUC that each source reports.
        components: Show parts of fused scores, too.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    is_fused = table["score"] == "fused"
    if not components:
        # Of a method that fuses its components the sum is shown, of one that does not all of them.
        table = table[is_fused | ~is_fused.groupby(table["method"]).transform("any")]
    pooled = {name: protocol.headline for name, protocol in known.items()}
    table = table[table["metric"] == table["protocol"].map(pooled)]
    console = open_console()
    keys = ["method", "variant", "score", "selection"]
    for dataset, group in table.groupby("dataset", sort=False):
        columns = list(dict.fromkeys(map(tuple, group[keys].to_numpy().tolist())))
        means = group.groupby([*keys, "protocol"], sort=False)["value"].mean()
        titles = {
            (method, variant, score, selection): [
                method,
                variant if score == "fused" else score,
                *([] if selection == "last" else [SELECTIONS[selection]]),
            ]
            for method, variant, score, selection in columns
        }
        for part in _side_by_side(titles, console.width - _NAMES):
            shown = Table(
                title=f"{dataset}: frame-level AUC, percent, of the same scores", box=SIMPLE_HEAD
            )
            shown.add_column("protocol", no_wrap=True)
            shown.add_column("AUC", no_wrap=True)
            for column in part:
                shown.add_column("\n".join(titles[column]), justify="right", no_wrap=True)
            for protocol in dict.fromkeys(group["protocol"]):
                cells = [means.get((*column, protocol)) for column in part]
                numbers = ["" if value is None else f"{100 * value:.1f}" for value in cells]
                shown.add_row(protocol, pooled[protocol].removeprefix("auc_"), *numbers)
            console.print(shown)
        for line in (
            *(f"labels: {source}, SHA-256 {sha256}" for source, sha256 in list_labels(group)),
            *(f"note: {note}" for note in list_notes(group)),
        ):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
