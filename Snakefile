from snakemake.utils import min_version

min_version("9.0")


if "datasets" not in config:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/teachers.smk"
include: "workflow/rules/objects.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/scoring.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"


rule all:
    default_target: True
    input:
        "results/tables/benchmark.csv",
        "results/report",
        all_curves,
        all_panels,
