"""How it stands with every run: which have no numbers or stale ones, why, and what a log said."""

from dataclasses import dataclass, field
from pathlib import Path

from vadbench.errors import VadbenchError
from vadbench.jobs import Jobs
from vadbench.plan import Plan, Run
from vadbench.report.site.places import located
from vadbench.status import State, survey

__all__ = ["Failure", "Missing", "Standing", "look"]

_LAST_LINES = 40


@dataclass(frozen=True)
class Failure:
    """A job that ended in an error.

    Attributes:
        rule: Its rule.
        outputs: What it would have made.
        log: Its log file, below the project.
        message: The error, in a line.
        lines: The log's last lines.
    """

    rule: str
    outputs: tuple[str, ...]
    log: str
    message: str
    lines: str


@dataclass(frozen=True)
class Missing:
    """A run without numbers.

    Attributes:
        run: The run.
        words: What a table says in place of a number.
        reason: Why, in a sentence.
        log: The log of the job that failed or runs; empty if there is none.
    """

    run: Run
    words: str
    reason: str
    log: str


@dataclass(frozen=True)
class Standing:
    """How it stands with all runs of a plan.

    Attributes:
        missing: Runs without numbers.
        stale: For a run with numbers, why the next run would compute them again.
        failures: Jobs that ended in an error.
        blind: Why staleness and failures are not known, if they are not.
    """

    missing: list[Missing]
    stale: dict[Run, tuple[str, ...]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    blind: str = ""

    def states(self, *, stale: bool) -> dict[tuple[str, str, str], dict[int, str]]:
        """Returns in words, by data set, method and variant, which seeds have no number.

        Args:
            stale: Name seeds with stale numbers, too.
        """
        words = {item.run: item.words for item in self.missing}
        if stale:
            words |= dict.fromkeys(self.stale, "stale")
        found: dict[tuple[str, str, str], dict[int, str]] = {}
        for run, state in words.items():
            found.setdefault((run.dataset, run.method, run.variant), {})[run.seed] = state
        return found


def look(plan: Plan) -> Standing:
    """Looks at the results, and at what Snakemake knows of them in the current folder."""
    targets = [plan.metrics(run) for run in plan.runs]
    blind, failures = "", []
    states: dict[Run, State] = {}
    try:
        status = survey(plan, targets)
        states = dict(status.runs)
        jobs = Jobs(plan, targets)
        for job in jobs:
            state = status.artefacts[job.outputs[0]]
            if state.state == "failed":
                message = "; ".join(state.reasons)
                lines = _last_lines(located(job.log))
                failures.append(Failure(job.rule, job.outputs, job.log, message, lines))
    except (OSError, VadbenchError) as error:
        # A report may be built where raw data or workflow are missing; what there is, is shown.
        blind = str(error)
    missing, stale = [], {}
    for run in plan.runs:
        state = states.get(run, State("missing"))
        index = located(f"results/{run.dataset}/index.json")
        if not (located(plan.metrics(run)).is_file() and index.is_file()):
            missing.append(_missing(run, state))
        elif state.state in {"stale", "failed"}:
            stale[run] = state.reasons
    return Standing(missing, stale, failures, blind)


def _missing(run: Run, state: State) -> Missing:
    reason = "; ".join(state.reasons)
    words = {"failed": f"failed: {reason.partition(':')[0]}", "running": "running"}
    return Missing(run, words.get(state.state, "not there yet"), reason, state.log)


def _last_lines(path: Path) -> str:
    """Returns the end of a log; what is not UTF-8 is replaced."""
    with open(path, "rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - (1 << 16)))
        text = stream.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-_LAST_LINES:])
