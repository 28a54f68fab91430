"""What a run says at its end: the table, the report, and what failed."""

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.artefacts import file_digest
from vadbench.artefacts.facts import LISTING, write_listing
from vadbench.errors import VadbenchError
from vadbench.plan import Plan
from vadbench.report.site.failures import look
from vadbench.report.table import print_summary, print_table
from vadbench.report.terminal import open_console

if TYPE_CHECKING:
    from vadbench.report.site.build import Site

__all__ = ["report_now", "tell_failure", "tell_success"]

_REPORT = Path("results/report")


def tell_success(table: Path, plan: Plan | None = None) -> None:
    """Prints the table of a run that ended well, and where its report is.

    Args:
        table: `benchmark.csv`.
        plan: The plan by which numbers that are stale by now are marked; None marks none.
    """
    standing = None if plan is None else look(plan)
    print_table(table, {} if standing is None else standing.states(stale=True))
    if standing is not None and standing.blind:
        print(f"whether numbers are stale cannot be told here: {standing.blind}")
    index = table.parent.with_name("report") / "index.html"
    if index.is_file():
        print(f"report: {index}")


def tell_failure(plan: Plan) -> None:
    """Prints what a failed run has all the same, and what failed, with the logs."""
    try:
        report_now(plan)
    except VadbenchError as error:
        # The run's own failure must not be hidden by one of telling about it.
        print(f"vadbench: there is no report: {error}")


def report_now(plan: Plan, folder: Path = _REPORT) -> None:
    """Builds the report of whatever there is, and prints its table and what failed."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    from vadbench.report.site.build import build_site

    errors = Console(stderr=True)
    columns = (SpinnerColumn(), "{task.description}", TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("")

        def tell(what: str) -> None:
            bar.update(task, description=what)

        site = build_site(plan, folder, tell)
        places = map(Path, chain.from_iterable(plan.report_files().values()))
        inputs = [item for item in places if _is_readable(item)]
        write_listing(folder, inputs, plan.report_params()["code"])
    if site.standing.missing:
        # Older than all that it is made of: the workflow makes it anew when it goes on.
        os.utime(folder, (0, 0))
    print_summary(open_console(), site.summary)
    _print_failures(site, len(plan.runs))


def _is_readable(path: Path) -> bool:
    try:
        file_digest(path / LISTING if path.is_dir() else path)
    except VadbenchError:
        return False
    return True


def _print_failures(site: "Site", runs: int) -> None:
    for failure in site.standing.failures:
        print(f"failed: {failure.rule}, {', '.join(failure.outputs)}")
        print(f"  {failure.message}")
        print(f"  log: {failure.log}")
    if missing := site.standing.missing:
        print(
            f"{len(missing)} of {runs} runs have no numbers; the same command again goes on "
            "with them"
        )
    print(f"report: {site.index}")
