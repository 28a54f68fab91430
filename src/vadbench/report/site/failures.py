"""Which runs have no numbers, which job stopped them, and what its log said last."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vadbench.plan import Plan, Run

__all__ = ["Failure", "Missing", "find_missing", "read_failures"]

_LAST_LINES = 40
_BLOCK = re.compile(r"^Error in (?:group )?(?:job|rule) (?P<rule>[^:\s,]+)", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """A job that failed in the last run of the workflow.

    Attributes:
        rule: Its rule.
        outputs: What it would have made.
        log: Its log file, below the project; empty if none is known.
        lines: The log's last lines.
    """

    rule: str
    outputs: tuple[str, ...]
    log: str
    lines: str


@dataclass(frozen=True)
class Missing:
    """A run without numbers.

    Attributes:
        run: The run.
        failure: The failed job that it waits for, if one is known.
        file: The first of its files that is not there.
    """

    run: Run
    failure: Failure | None
    file: str

    @property
    def words(self) -> str:
        """What a table says in place of a number."""
        return f"failed: {self.failure.rule}" if self.failure else "not there yet"


def read_failures(root: Path = Path()) -> list[Failure]:
    """Reads the failed jobs from the log of the last run of Snakemake.

    A job that a later attempt in the same run brought to its end does not count, nor one whose
    outputs are there by now.
    """
    logs = sorted((root / ".snakemake/log").glob("*.snakemake.log"))
    if not logs:
        return []
    text = logs[-1].read_text(errors="replace")
    starts = [found.start() for found in _BLOCK.finditer(text)]
    found: dict[tuple[str, ...], Failure] = {}
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        block = text[start:end]
        rule = str(_BLOCK.match(block)["rule"])  # type: ignore[index]
        outputs = tuple(_listed(block, "output"))
        log = next(iter(_listed(block, "log")), "").removesuffix(
            " (check log file(s) for error details)"
        )
        if outputs and not all((root / item).exists() for item in outputs):
            found[outputs] = Failure(rule, outputs, log, last_lines(root / log) if log else "")
    return list(found.values())


def _listed(block: str, key: str) -> list[str]:
    line = re.search(rf"^    {key}: (.*)$", block, re.MULTILINE)
    return [item.strip() for item in line[1].split(", ")] if line else []


def last_lines(path: Path, count: int = _LAST_LINES) -> str:
    """Returns the end of a log; what is not UTF-8 is replaced."""
    if not path.is_file():
        return ""
    with open(path, "rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - (1 << 16)))
        text = stream.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-count:])


def find_missing(plan: Plan, failures: Iterable[Failure], root: Path = Path()) -> list[Missing]:
    """Finds the runs of a configuration that have no numbers, and what each waits for."""
    failures = list(failures)
    found = []
    for run in plan.runs:
        index = f"results/{run.dataset}/index.json"
        if (root / plan.metrics(run)).is_file() and (root / index).is_file():
            continue
        folders = plan.ancestors(run)
        cause = next(
            (
                failure
                for failure in failures
                if any(output.startswith(folders) for output in failure.outputs)
            ),
            None,
        )
        needed = [index, *plan.weights(run), *plan.scores(run).values(), plan.metrics(run)]
        first = next(item for item in needed if not (root / item).exists())
        found.append(Missing(run, cause, first))
    return found
