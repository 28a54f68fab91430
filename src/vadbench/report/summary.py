"""The short table: one row for each score that is compared, and its forms for papers.

One function decides what a row is; the terminal, the site, Markdown and LaTeX show the same.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vadbench.artefacts import write_atomically

__all__ = [
    "SELECTIONS",
    "SUMMARY_COLUMNS",
    "add_status",
    "label",
    "list_protocols",
    "own_protocol",
    "short_table",
    "summarise",
    "write_short_tables",
]

_KEYS = ["dataset", "method", "variant", "score", "selection", "budget"]
SUMMARY_COLUMNS = [
    *_KEYS,
    "mean",
    "deviation",
    "seeds",
    "low",
    "high",
    "paper",
    "paper_table",
    "difference",
    "protocol",
    "labels_source",
    "labels_sha256",
    "status",
]
"""Columns of the short table, which `summary.csv` holds in full. Values are 0 to 1. `deviation` is
the sample deviation over seeds, empty for one seed; `low` and `high` are the ends of the 95 %
interval, each averaged over the seeds; `status` is empty, or says which seeds have no number, and
why."""
_SHOWN = 12  # digits of a digest in the short table


SELECTIONS = {
    "last": "last epoch",
    "train_loss": "epoch of the lowest training loss",
    "best_test": "epoch chosen on test labels",
}
"""How an epoch is chosen, in words."""


def label(variant: str, score: str, selection: str) -> str:
    """Returns the name of a row: components that stand alone by their own."""
    name = variant if score == "fused" else score
    return name if selection == "last" else f"{name} ({SELECTIONS[selection]})"


def own_protocol(table: pd.DataFrame) -> pd.DataFrame:
    """Keeps the numbers under each method's own protocol.

    Of a method that fuses its components the sum is kept, of one that does not all of them.
    """
    own = table[table["protocol"] == table["default_protocol"]]
    is_fused = own["score"] == "fused"
    fuses = is_fused.groupby(own["method"]).transform("any")
    return own[is_fused | ~fuses]


def summarise(table: pd.DataFrame, metric: str = "auc_micro") -> pd.DataFrame:
    """Reduces the long table to one row per method, variant and data set, over all seeds.

    Args:
        table: As `vadbench.report.table.collect` returns it.
        metric: The metric that is compared.

    Returns:
        `SUMMARY_COLUMNS`.
    """
    chosen = own_protocol(table)
    chosen = chosen[chosen["metric"] == metric]
    rows = []
    for key, group in chosen.groupby(_KEYS, sort=False):
        mean, paper = group["value"].mean(), group["paper"].iloc[0]
        rows.append(
            dict(zip(_KEYS, map(str, key), strict=True))
            | {
                "mean": mean,
                "deviation": group["value"].std(ddof=1),
                "seeds": len(group),
                "low": group["low"].mean() if "low" in group else float("nan"),
                "high": group["high"].mean() if "high" in group else float("nan"),
                "paper": paper,
                "paper_table": group["paper_table"].iloc[0],
                "difference": mean - paper,
                "protocol": group["protocol"].iloc[0],
                "labels_source": "; ".join(dict.fromkeys(group["labels_source"])),
                "labels_sha256": "; ".join(dict.fromkeys(group["labels_sha256"])),
                "status": "",
            }
        )
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def add_status(
    summary: pd.DataFrame, states: Mapping[tuple[str, str, str], Mapping[int, str]], budget: str
) -> pd.DataFrame:
    """Says of each variant how it stands with its seeds.

    Args:
        summary: As `summarise` returns it.
        states: For data set, method and variant what there is to say, by seed.
        budget: Training budget of the run.

    Returns:
        The same with a row for each variant that has no number at all.
    """
    rows = []
    found = summary.copy()
    for (dataset, method, variant), seeds in states.items():
        by_state: dict[str, list[str]] = {}
        for seed, state in seeds.items():
            by_state.setdefault(state, []).append(str(seed))
        words = "; ".join(
            f"{state} ({'seed' if len(own) == 1 else 'seeds'} {', '.join(own)})"
            for state, own in by_state.items()
        )
        own = (found["dataset"] == dataset) & (found["method"] == method)
        own &= found["variant"] == variant
        if own.any():
            found.loc[own, "status"] = words
        else:
            about = {"dataset": dataset, "method": method, "variant": variant, "score": "fused"}
            about |= {"selection": "last", "budget": budget, "paper_table": "", "protocol": ""}
            about |= {"labels_source": "", "labels_sha256": ""}
            rows.append(about | {"seeds": 0, "status": words})
    return pd.DataFrame([*found.to_dict("records"), *rows], columns=SUMMARY_COLUMNS)


def list_protocols(summary: pd.DataFrame) -> str:
    """Returns in words which methods' numbers are under which protocol."""
    named = summary[summary["protocol"] != ""]
    return "; ".join(
        f"{protocol}: {', '.join(dict.fromkeys(own['method']))}"
        for protocol, own in named.groupby("protocol", sort=False)
    )


def short_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Returns the short table as text, AUC in percent; `status` if there is any."""

    def percent(value: float, form: str = ".1f") -> str:
        return "" if pd.isna(value) else f"{100 * value:{form}}"

    rows = []
    for _, row in summary.iterrows():
        spread = "" if pd.isna(row["deviation"]) else f" ± {100 * row['deviation']:.1f}"
        interval = f"{percent(row['low'])} to {percent(row['high'])}"
        known = not pd.isna(row["mean"])
        rows.append(
            {
                "data set": row["dataset"],
                "method": row["method"],
                "variant": label(row["variant"], row["score"], row["selection"]),
                "budget": row["budget"] or "-",
                "AUC": f"{percent(row['mean'])}{spread}" if known else "",
                "95 % interval": "" if pd.isna(row["low"]) else interval,
                "paper": percent(row["paper"]),
                "difference": percent(row["difference"], "+.1f"),
                "seeds": str(int(row["seeds"])) if known else "",
                "protocol": row["protocol"],
                "labels": "; ".join(text[:_SHOWN] for text in row["labels_sha256"].split("; ")),
                "status": row["status"],
            }
        )
    columns = ["data set", "method", "variant", "budget", "AUC", "95 % interval", "paper"]
    columns += ["difference", "seeds", "protocol", "labels"]
    if any(row["status"] for row in rows):
        columns.append("status")
    return pd.DataFrame(rows, columns=columns)


def write_short_tables(summary: pd.DataFrame, markdown: Path, latex: Path) -> None:
    """Writes the short table as Markdown and as LaTeX (booktabs), whole or not at all."""
    short = short_table(summary)
    numbers = {"AUC", "95 % interval", "paper", "difference", "seeds"}
    align = ["right" if name in numbers else "left" for name in short]
    bare = short.map(lambda text: text.replace("|", "\\|").replace("\n", " "))
    with write_atomically(markdown) as stream:
        stream.write(
            (bare.to_markdown(index=False, colalign=align, disable_numparse=True) + "\n").encode()
        )
    form = "".join("r" if name in numbers else "l" for name in short)
    with write_atomically(latex) as stream:
        stream.write(short.to_latex(index=False, escape=True, column_format=form).encode())
