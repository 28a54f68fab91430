# What people read.
#
# results/tables/benchmark.csv                                          one row per number
# results/tables/events.csv                                             what scored above normal
# results/<dataset>/<method>/<variant>/seed<seed>/curves/<clip>.png     score curve and thumbnails
# results/<dataset>/<method>/<variant>/seed<seed>/panels.h5             what chosen frames look like to
#   the networks; panels/<number>_<clip>_<frame>.png are pictures of it
# results/<dataset>/<method>/<variant>/seed<seed>/kinds.h5              the same of a frame of each kind
# results/<dataset>/<method>/variants/seed<seed>.png                    and a row of it for each variant
# results/<dataset>/<method>/<variant>/seed<seed>/maps.h5               if asked for: map of every frame
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
        table=report("results/tables/benchmark.csv", caption="../report/benchmark.rst"),
        events=report("results/tables/events.csv", caption="../report/events.rst"),
    log:
        "logs/tabulate.log",
    benchmark:
        "results/timings/tabulate.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        job=table_params,
    script:
        "../scripts/tabulate.py"


rule draw_curves:
    input:
        unpack(evaluate_scores),
        scenes=test_scenes,
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
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=curves_params,
    script:
        "../scripts/draw_curves.py"


rule explain:
    input:
        unpack(explain_files),
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/panels.h5",
    log:
        "logs/explain/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/explain/{dataset}/{method}/{variant}/seed{seed}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    # A few frames: what takes time is the start, and other jobs can go on meanwhile.
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=explain_params,
    script:
        "../scripts/explain.py"


use rule explain as map_frames with:
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/maps.h5",
    log:
        "logs/map_frames/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/map_frames/{dataset}/{method}/{variant}/seed{seed}.tsv"


use rule explain as explain_kinds with:
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/kinds.h5",
    log:
        "logs/explain_kinds/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/explain_kinds/{dataset}/{method}/{variant}/seed{seed}.tsv"


rule draw_variants:
    input:
        unpack(kinds_files),
    output:
        report(
            "results/{dataset}/{method}/variants/seed{seed}.png",
            caption="../report/variants.rst",
            category="{dataset}",
            subcategory="{method}",
        ),
    log:
        "logs/draw_variants/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "results/timings/draw_variants/{dataset}/{method}/seed{seed}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        job=drawing_params,
    script:
        "../scripts/draw_variants.py"


rule draw_panels:
    input:
        panels="results/{dataset}/{method}/{variant}/seed{seed}/panels.h5",
        scenes=test_scenes,
        index="results/{dataset}/index.json",
    output:
        report(
            directory("results/{dataset}/{method}/{variant}/seed{seed}/panels"),
            caption="../report/panels.rst",
            patterns=["{frame}.png"],
            category="{dataset}",
            subcategory="{method} {variant}",
        ),
    log:
        "logs/draw_panels/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/draw_panels/{dataset}/{method}/{variant}/seed{seed}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=panels_params,
    script:
        "../scripts/draw_panels.py"
