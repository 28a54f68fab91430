# Helpers only: the checked configuration, wildcard constraints, input and params functions.
# What they return is decided in vadbench.plan and vadbench.jobs, which know nothing of Snakemake.
from pathlib import Path

from snakemake.exceptions import WorkflowError

from vadbench.errors import VadbenchError
from vadbench.jobs import rules_of, run_of, wildcards_of
from vadbench.plan import open_plan

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
RULES = rules_of(PLAN)


wildcard_constraints:
    **wildcards_of(PLAN),


# what jobs are made from


def files_of(rule):
    """The files that a job of a rule reads, by name."""

    def asked(wildcards):
        return RULES[rule].files(wildcards)

    return asked


def params_of(rule):
    """The parameter `job` of a rule: its settings, and the fingerprint of its code."""

    def asked(wildcards):
        return RULES[rule].params(wildcards)

    return asked


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


# environments


def segmentation_environment(wildcards):
    return f"../../envs/{PLAN.segmentation_environment(wildcards.name)}"


# targets


def all_curves(wildcards):
    return [PLAN.curves(run) for run in PLAN.runs]


def all_panels(wildcards):
    return PLAN.panels()
