# What people read.
#
# results/tables/benchmark.csv                                          one row per number
# results/<dataset>/<method>/<variant>/seed<seed>/curves/<clip>.png     score curve and thumbnails


rule tabulate:
    input:
        metrics=all_metrics,
        indices=all_indices,
    output:
        report("results/tables/benchmark.csv", caption="../report/benchmark.rst"),
    params:
        job=table_params,
    log:
        "logs/tabulate.log",
    benchmark:
        "results/timings/tabulate.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/vadbench.yaml"
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
    params:
        job=curves_params,
    log:
        "logs/draw_curves/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/draw_curves/{dataset}/{method}/{variant}/seed{seed}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/vadbench.yaml"
    script:
        "../scripts/draw_curves.py"
