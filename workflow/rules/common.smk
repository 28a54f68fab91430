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


# files that no job makes


def foreign_of(section):
    """Files of a section's entry that no job makes, as weights, masks and boxes.

    They are no inputs, of which Snakemake compares names and times: digests of their content are in
    the parameter `job`. As this asks for `input`, Snakemake does not compare what it returns, either,
    and where results are kept in object storage these files are not looked for there.
    """

    def asked(wildcards, input):
        return PLAN.foreign(section, wildcards.name, wildcards.split, wildcards.clip)

    return asked


def train_foreign(wildcards, input):
    return PLAN.train_foreign(run_of(wildcards), wildcards.stage)


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
    return PLAN.segmentation_files(
        wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
    )


def segmentation_params(wildcards):
    job = PLAN.segmentation_params(wildcards.dataset, wildcards.name)
    return job | PLAN.contents(
        "segmentation", wildcards.name, wildcards.split, wildcards.clip
    )


def segmentation_environment(wildcards):
    return f"../../envs/{PLAN.segmentation_environment(wildcards.name)}"


def flow_files(wildcards):
    return PLAN.flow_files(
        wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
    )


def flow_params(wildcards):
    job = PLAN.flow_params(wildcards.dataset, wildcards.name)
    return job | PLAN.contents("flow", wildcards.name, wildcards.split, wildcards.clip)


def depth_files(wildcards):
    return PLAN.depth_files(
        wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
    )


def depth_params(wildcards):
    job = PLAN.depth_params(wildcards.dataset, wildcards.name)
    return job | PLAN.contents("depth", wildcards.name, wildcards.split, wildcards.clip)


def objects_files(wildcards):
    return PLAN.objects_files(
        wildcards.dataset, wildcards.name, wildcards.split, wildcards.clip
    )


def objects_params(wildcards):
    job = PLAN.objects_params(wildcards.dataset, wildcards.name)
    return job | PLAN.contents(
        "objects", wildcards.name, wildcards.split, wildcards.clip
    )


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
    return PLAN.train_files(run_of(wildcards), wildcards.stage)


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
