# What people read.
#
# results/tables/benchmark.csv                                          one row per number
# results/<dataset>/<method>/<variant>/seed<seed>/curves/<clip>.png     score curve and thumbnails
import time
from pathlib import Path

TABLE = Path("results/tables/benchmark.csv")
STARTED = time.time()


onsuccess:
    # Only a table that this run made anew says anything about it.
    if TABLE.exists() and TABLE.stat().st_mtime >= STARTED:
        from vadbench.report.table import print_table

        print_table(TABLE)


rule tabulate:
    input:
        metrics=all_metrics,
        indices=all_indices,
    output:
        report("results/tables/benchmark.csv", caption="../report/benchmark.rst"),
    log:
        "logs/tabulate.log",
    benchmark:
        "results/timings/tabulate.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        job=table_params,
    script:
        "../scripts/tabulate.py"


rule draw_curves:
    input:
        unpack(evaluate_scores),
        index="results/{dataset}/index.json",
        metrics="results/{dataset}/{method}/{variant}/seed{seed}/metrics.json",
    output:
        report(
            directory("results/{dataset}/{method}/{variant}/seed{seed}/curves"),
            caption="../report/curves.rst",
            patterns=["{clip}.png"],
            category="{dataset}",
            subcategory="{method} {variant}",
        ),
    log:
        "logs/draw_curves/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/draw_curves/{dataset}/{method}/{variant}/seed{seed}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        job=curves_params,
    script:
        "../scripts/draw_curves.py"
