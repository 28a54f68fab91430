# Helpers only: the checked configuration, wildcard constraints, input and params functions.
# What they return is decided in vadbench.plan, which knows nothing of Snakemake and is tested there.
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

from vadbench.errors import VadbenchError
from vadbench.plan import Run, open_plan

try:
    PLAN = open_plan(
        config,
        Path(workflow.basedir) / "workflow/scripts",
        workflow.configfiles,
        # A job starts Snakemake anew; what is there was looked at before the first one.
        check=workflow.is_main_process,
    )
except VadbenchError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    dataset="|".join(map(re.escape, PLAN.config.datasets)),
    method="|".join(map(re.escape, PLAN.config.methods)),
    name=r"[A-Za-z0-9][A-Za-z0-9_+.-]*",
    variant=r"[A-Za-z0-9_+.@-]+",
    seed=r"\d+",
    stage=r"[a-z_]+",
    split="train|test",
    clip=r"[^/]+",


def run_of(wildcards):
    return Run(
        wildcards.dataset, wildcards.method, wildcards.variant, int(wildcards.seed)
    )


# storage


def with_local(files):
    """Marks what lies outside results/ (weights, boxes, masks) as files of this machine.

    Where results are kept in object storage, everything that is not marked is looked for there.
    """
    return {
        key: [path if path.startswith("results/") else local(path) for path in paths]
        for key, paths in files.items()
    }


# resources


def growing(amount):
    """More of something with every attempt: twice as much at the second, and so on.

    Snakemake counts attempts where it is told to repeat failed jobs (`retries` of a profile).
    """

    def asked(wildcards, attempt):
        return attempt * (amount(wildcards) if callable(amount) else amount)

    return asked


def of_network(section, network, other):
    """What a job of a teacher asks for, if it is a network and if it is not."""

    def asked(wildcards):
        return network if PLAN.is_network(section, wildcards.name) else other

    return asked


def of_trained(network, other):
    """What a job of a run asks for, if its method trains networks and if it does not."""

    def asked(wildcards):
        return network if PLAN.is_trained(run_of(wildcards)) else other

    return asked


# datasets.smk


def scene_params(wildcards):
    return PLAN.scene_params(wildcards.dataset)


def raw_files(wildcards):
    return PLAN.raw_files(wildcards.dataset, wildcards.split, wildcards.clip)


def clip_params(wildcards):
    return PLAN.clip_params(wildcards.dataset, wildcards.split, wildcards.clip)


def index_files(wildcards):
    return PLAN.index_files(wildcards.dataset)


def index_params(wildcards):
    return PLAN.index_params(wildcards.dataset)


def regions_files(wildcards):
    return PLAN.regions_files(wildcards.dataset)


def regions_params(wildcards):
    return PLAN.regions_params(wildcards.dataset)


# teachers.smk and objects.smk


def clip_files(wildcards):
    return PLAN.clip_files(wildcards.dataset, wildcards.split, wildcards.clip)


def segmentation_files(wildcards):
    return with_local(
        PLAN.segmentation_files(
            wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
        )
    )


def segmentation_params(wildcards):
    return PLAN.segmentation_params(wildcards.dataset, wildcards.name)


def segmentation_environment(wildcards):
    return f"../../envs/{PLAN.segmentation_environment(wildcards.name)}"


def flow_files(wildcards):
    return with_local(
        PLAN.flow_files(
            wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
        )
    )


def flow_params(wildcards):
    return PLAN.flow_params(wildcards.dataset, wildcards.name)


def depth_files(wildcards):
    return with_local(
        PLAN.depth_files(
            wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
        )
    )


def depth_params(wildcards):
    return PLAN.depth_params(wildcards.dataset, wildcards.name)


def objects_files(wildcards):
    return with_local(
        PLAN.objects_files(
            wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
        )
    )


def objects_params(wildcards):
    return PLAN.objects_params(wildcards.dataset, wildcards.name)


def cubes_files(wildcards):
    return PLAN.cubes_files(
        wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
    )


def cubes_params(wildcards):
    return PLAN.cubes_params(wildcards.dataset, wildcards.name)


def views_files(wildcards):
    return PLAN.views_files(
        wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
    )


def views_params(wildcards):
    return PLAN.views_params(wildcards.dataset, wildcards.name)


# training.smk and scoring.smk


def train_files(wildcards):
    return with_local(PLAN.train_files(run_of(wildcards), wildcards.stage))


def train_params(wildcards):
    return PLAN.train_params(run_of(wildcards), wildcards.stage)


def frozen_files(wildcards):
    return PLAN.frozen_files(run_of(wildcards), wildcards.stage, wildcards.split)


def frozen_params(wildcards):
    return PLAN.frozen_params(run_of(wildcards), wildcards.stage)


def score_files(wildcards):
    return PLAN.score_files(run_of(wildcards), wildcards.split)


def best_test_files(wildcards):
    return PLAN.score_files(run_of(wildcards), wildcards.split, selection="best_test")


def score_params(wildcards):
    return PLAN.score_params(run_of(wildcards))


def evaluate_scores(wildcards):
    return PLAN.scores(run_of(wildcards))


def evaluate_files(wildcards):
    return PLAN.evaluate_files(run_of(wildcards))


def evaluate_params(wildcards):
    return PLAN.evaluate_params(run_of(wildcards))


# report.smk


def all_metrics(wildcards):
    return [PLAN.metrics(run) for run in PLAN.runs]


def all_indices(wildcards):
    return PLAN.indices()


def all_curves(wildcards):
    return [PLAN.curves(run) for run in PLAN.runs]


def all_panels(wildcards):
    return PLAN.panels()


def test_scenes(wildcards):
    return PLAN.test_scenes(wildcards.dataset)


def variant_of(wildcards):
    return PLAN.first_run(wildcards.dataset, wildcards.method, wildcards.variant)


def cost_files(wildcards):
    return PLAN.cost_files(variant_of(wildcards))


def cost_params(wildcards):
    return PLAN.cost_params(variant_of(wildcards))


def thumbnails_files(wildcards):
    return PLAN.thumbnails_files(wildcards.dataset)


def thumbnails_params(wildcards):
    return PLAN.thumbnails_params(wildcards.dataset)


def report_files(wildcards):
    return PLAN.report_files()


def report_params(wildcards):
    return PLAN.report_params()


def explain_files(wildcards):
    return PLAN.explain_files(run_of(wildcards))


def explain_params(wildcards):
    return PLAN.explain_params(run_of(wildcards))


def kinds_files(wildcards):
    return PLAN.kinds_files(wildcards.dataset, wildcards.method, int(wildcards.seed))


def panels_params(wildcards):
    return PLAN.panels_params(wildcards.dataset)


def drawing_params(wildcards):
    return PLAN.drawing_params()


def table_params(wildcards):
    return PLAN.table_params()


def curves_params(wildcards):
    return PLAN.curves_params(run_of(wildcards))
