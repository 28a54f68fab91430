"""The jobs of a plan: which rule makes which file from what, and with which parameters.

What the jobs of a rule read, and their parameters, the workflow takes from here, so that it and the
commands beside it agree on what a run would do. Outputs and logs stand in the rule files, too; a
test holds both against Snakemake's own dry run.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from vadbench.errors import VadbenchError
from vadbench.plan import Plan, Run

__all__ = ["Job", "Jobs", "Rule", "rules_of", "run_of", "wildcards_of"]


@dataclass(frozen=True)
class Job:
    """One job of a plan.

    Attributes:
        rule: Name of its rule.
        outputs: Files, or folders, that it makes.
        at: Its wildcards.
        inputs: Files that it reads; of those that no rule makes `params` hold digests.
        params: Its parameters, as its rule passes them on.
        log: Its log file.
        timing: Its benchmark file.
    """

    rule: str
    outputs: tuple[str, ...]
    at: Mapping[str, str] = field(compare=False)
    inputs: tuple[str, ...] = field(compare=False, repr=False)
    params: tuple[Any, ...] = field(compare=False, repr=False)
    log: str = field(compare=False, repr=False)
    timing: str = field(compare=False, repr=False)

    @property
    def run(self) -> Run | None:
        """The run that it is a part of, if of one."""
        if "seed" not in self.at or "variant" not in self.at:
            return None
        return run_of(SimpleNamespace(**self.at))


@dataclass(frozen=True)
class Rule:
    """What makes files of one kind.

    Attributes:
        outputs: Their paths, with wildcards in braces, by name.
        log: Its log file, with wildcards, without `logs/<rule>/` and ending.
        script: Its script, without ending.
        files: What a job reads, by name, at an object with a job's wildcards as attributes.
        params: A job's parameter `job`, likewise.
    """

    outputs: Mapping[str, str]
    log: str
    script: str
    files: Callable[[Any], Mapping[str, Any]]
    params: Callable[[Any], Mapping[str, Any]]


def run_of(at: Any) -> Run:
    """The run that a job with these wildcards is a part of."""
    return Run(at.dataset, at.method, at.variant, int(at.seed))


def rules_of(plan: Plan) -> dict[str, Rule]:
    """The rules of the workflow by name, as they are for a plan."""
    clip = "{dataset}/{split}/{clip}"
    run = "{dataset}/{method}/{variant}/seed{seed}"

    def teacher(folder: str, script: str) -> Rule:
        files, params = getattr(plan, f"{folder}_files"), getattr(plan, f"{folder}_params")
        return Rule(
            {"": f"results/{{dataset}}/{folder}/{{name}}/{{split}}/{{clip}}.h5"},
            "{dataset}/{name}/{split}/{clip}",
            script,
            lambda at: files(at.dataset, at.name, at.split, at.clip),
            lambda at: (
                params(at.dataset, at.name) | plan.contents(folder, at.name, at.split, at.clip)
            ),
        )

    def explaining(file: str) -> Rule:
        return Rule(
            {"": f"results/{run}/{file}.h5"},
            run,
            "explain",
            lambda at: plan.explain_files(run_of(at)),
            lambda at: plan.explain_params(run_of(at)),
        )

    weights = {"weights": f"results/{run}/{{stage}}.safetensors"}
    return {
        "render_scene": Rule(
            {"": f"results/{clip.replace('/', '/scene/', 1)}.h5"},
            clip,
            "render_scene",
            lambda _: {},
            lambda at: plan.scene_params(at.dataset),
        ),
        "check_clip": Rule(
            {"": f"results/{clip.replace('/', '/clips/', 1)}.json"},
            clip,
            "check_clip",
            lambda at: {"raw": plan.raw_files(at.dataset, at.split, at.clip)},
            lambda at: plan.clip_params(at.dataset, at.split, at.clip),
        ),
        "index": Rule(
            {"": "results/{dataset}/index.json"},
            "{dataset}",
            "index",
            lambda at: plan.index_files(at.dataset),
            lambda at: plan.index_params(at.dataset),
        ),
        "find_regions": Rule(
            {"": "results/{dataset}/regions.h5"},
            "{dataset}",
            "find_regions",
            lambda at: plan.regions_files(at.dataset),
            lambda at: plan.regions_params(at.dataset),
        ),
        "segment": teacher("segmentation", "segment"),
        "compute_flow": teacher("flow", "compute_flow"),
        "estimate_depth": teacher("depth", "estimate_depth"),
        "find_objects": teacher("objects", "find_objects"),
        "cut_cubes": teacher("cubes", "cut_cubes"),
        "make_views": teacher("views", "make_views"),
        "train": Rule(
            plan.chosen_weights(f"results/{run}/{{stage}}") | weights,
            f"{run}/{{stage}}",
            "train",
            lambda at: plan.train_files(run_of(at), at.stage),
            lambda at: plan.train_params(run_of(at), at.stage),
        ),
        "apply_frozen": Rule(
            {"": f"results/{run}/frozen/{{stage}}/{{split}}.h5"},
            f"{run}/{{stage}}_{{split}}",
            "apply_frozen",
            lambda at: plan.frozen_files(run_of(at), at.stage, at.split),
            lambda at: plan.frozen_params(run_of(at), at.stage),
        ),
        "score": Rule(
            {"": f"results/{run}/scores/{{split}}.h5"},
            f"{run}/{{split}}",
            "score",
            lambda at: plan.score_files(run_of(at), at.split),
            lambda at: plan.score_params(run_of(at)),
        ),
        "score_chosen": Rule(
            {"": f"results/{run}/{{selection}}/scores/{{split}}.h5"},
            f"{run}/{{selection}}/{{split}}",
            "score",
            lambda at: plan.score_files(run_of(at), at.split, at.selection),
            lambda at: plan.score_params(run_of(at)),
        ),
        "evaluate": Rule(
            {"": f"results/{run}/metrics.json"},
            run,
            "evaluate",
            lambda at: plan.evaluate_files(run_of(at)),
            lambda at: plan.evaluate_params(run_of(at)),
        ),
        "draw_curves": Rule(
            {"": f"results/{run}/curves"},
            run,
            "draw_curves",
            lambda at: plan.curves_files(run_of(at)),
            lambda at: plan.curves_params(run_of(at)),
        ),
        "explain": explaining("panels"),
        "map_frames": explaining("maps"),
        "explain_kinds": explaining("kinds"),
        "draw_panels": Rule(
            {"": f"results/{run}/panels"},
            run,
            "draw_panels",
            lambda at: plan.panels_files(run_of(at)),
            lambda at: plan.panels_params(at.dataset),
        ),
        "draw_variants": Rule(
            {"": "results/{dataset}/{method}/variants/seed{seed}"},
            "{dataset}/{method}/seed{seed}",
            "draw_variants",
            lambda at: plan.kinds_files(at.dataset, at.method, int(at.seed)),
            lambda _: plan.drawing_params(),
        ),
        "count_cost": Rule(
            {"": "results/{dataset}/{method}/{variant}/cost.json"},
            "{dataset}/{method}/{variant}",
            "count_cost",
            lambda at: plan.cost_files(plan.first_run(at.dataset, at.method, at.variant)),
            lambda at: plan.cost_params(plan.first_run(at.dataset, at.method, at.variant)),
        ),
        "draw_thumbnails": Rule(
            {"": "results/{dataset}/thumbnails"},
            "{dataset}",
            "draw_thumbnails",
            lambda at: plan.thumbnails_files(at.dataset),
            lambda at: plan.thumbnails_params(at.dataset),
        ),
        "build_report": Rule(
            {"": "results/report"},
            "",
            "build_report",
            lambda _: plan.report_files(),
            lambda _: plan.report_params(),
        ),
        "tabulate": Rule(
            {
                name: f"results/tables/{file}"
                for name, file in (
                    ("table", "benchmark.csv"),
                    ("markdown", "benchmark.md"),
                    ("latex", "benchmark.tex"),
                    ("summary", "summary.csv"),
                    ("protocols", "protocols.csv"),
                    ("events", "events.csv"),
                    ("listing", "contents.json"),
                )
            },
            "",
            "tabulate",
            lambda _: plan.table_files(),
            lambda _: plan.table_params(),
        ),
    }


def wildcards_of(plan: Plan) -> dict[str, str]:
    """What each wildcard stands for, as a regular expression."""
    return {
        "dataset": "|".join(map(re.escape, plan.config.datasets)),
        "method": "|".join(map(re.escape, plan.config.methods)),
        "name": r"[A-Za-z0-9][A-Za-z0-9_+.-]*",
        "variant": r"[A-Za-z0-9_+.@-]+",
        "seed": r"\d+",
        "stage": r"[a-z_]+",
        "selection": "train_loss|best_test",
        "split": "train|test",
        "clip": r"[^/]+",
    }


class Jobs:
    """The jobs that a plan's targets need, each after those that it reads from.

    Args:
        plan: The plan.
        targets: Files to be made; all that the workflow makes if none are given.

    Raises:
        VadbenchError: A target is made by no rule.
    """

    def __init__(self, plan: Plan, targets: Iterable[str] = ()) -> None:
        self.plan = plan
        self._rules = rules_of(plan)
        words = wildcards_of(plan)
        self._patterns = [
            (name, re.compile(_expression(pattern, words)))
            for name, rule in self._rules.items()
            for pattern in rule.outputs.values()
        ]
        self._made: dict[str, Job | None] = {}
        self.targets = list(targets) or self._all_targets()
        self._ordered: dict[Job, list[Job]] = {}
        for target in self.targets:
            job = self.of(target)
            if job is None:
                raise VadbenchError(
                    f"{target}: no rule of this configuration makes it; name a file below results/ "
                    "as vadbench status --json lists them"
                )
            self._add(job)

    def _all_targets(self) -> list[str]:
        plan = self.plan
        return [
            *self._rules["tabulate"].outputs.values(),
            "results/report",
            *(plan.curves(run) for run in plan.runs),
            *plan.panels(),
        ]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._ordered)

    def __len__(self) -> int:
        return len(self._ordered)

    def before(self, job: Job) -> list[Job]:
        """The jobs that make what a job reads."""
        return self._ordered[job]

    def of(self, path: str) -> Job | None:
        """The job that makes a file; None if none does."""
        if path not in self._made:
            job = self._find(path)
            self._made[path] = job
            self._made |= dict.fromkeys(job.outputs if job else (), job)
        return self._made[path]

    def _add(self, target: Job) -> None:
        waiting = [(target, False)]
        while waiting:
            job, done = waiting.pop()
            if job in self._ordered:
                continue
            before = list(dict.fromkeys(filter(None, map(self.of, job.inputs))))
            if done:
                self._ordered[job] = before
            else:
                waiting += [(job, True), *((item, False) for item in reversed(before))]

    def _find(self, path: str) -> Job | None:
        if not path.startswith("results/"):
            return None
        for name, pattern in self._patterns:
            if (match := pattern.fullmatch(path)) is not None:
                return self._job(name, self._rules[name], match.groupdict())
        return None

    def _job(self, name: str, rule: Rule, at: dict[str, str]) -> Job:
        values = SimpleNamespace(**at)
        where = f"{name}/{rule.log.format(**at)}".rstrip("/")
        return Job(
            rule=name,
            outputs=tuple(pattern.format(**at) for pattern in rule.outputs.values()),
            at=at,
            inputs=tuple(_flat(rule.files(values))),
            params=(rule.params(values), self.plan.script(rule.script)),
            log=f"logs/{where}.log",
            timing=f"results/timings/{where}.tsv",
        )


def _expression(pattern: str, words: Mapping[str, str]) -> str:
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{words[name]})"

    return re.sub(r"\\{(\w+)\\}", group, re.escape(pattern))


def _flat(files: Any) -> Iterator[str]:
    if isinstance(files, str):
        yield files
    else:
        for item in files.values() if isinstance(files, Mapping) else files:
            yield from _flat(item)
