# What people read.
#
# results/report/                                                       the site: open index.html
# results/tables/benchmark.csv                                          one row per number
# results/tables/benchmark.{md,tex}                                     the short table
# results/tables/summary.csv                                            and all of its columns
# results/tables/protocols.csv                                          every run under every protocol
# results/tables/events.csv                                             what scored above normal
# results/<dataset>/<method>/<variant>/seed<seed>/curves/<clip>.png     score curve and thumbnails
# results/<dataset>/<method>/<variant>/seed<seed>/panels.h5             what chosen frames look like to
#   the networks; panels/<number>_<clip>_<frame>.png are pictures of it
# results/<dataset>/<method>/<variant>/seed<seed>/kinds.h5              the same of a frame of each kind
# results/<dataset>/<method>/variants/seed<seed>/                       and a row of it for each variant
# results/<dataset>/<method>/<variant>/cost.json                        what its networks cost
# results/<dataset>/thumbnails/<number>.jpg                             sampled frames of test clips
# results/<dataset>/<method>/<variant>/seed<seed>/maps.h5               if asked for: map of every frame
import time
from pathlib import Path

TABLE = Path("results/tables/benchmark.csv")
STARTED = time.time()


onsuccess:
    # Only a table that this run made anew says anything about it.
    if TABLE.exists() and TABLE.stat().st_mtime >= STARTED:
        from vadbench.report.end import tell_success

        tell_success(TABLE)


onerror:
    from vadbench.report.end import tell_failure

    tell_failure(PLAN)


rule tabulate:
    input:
        unpack(files_of("tabulate")),
    output:
        table=report(
            "results/tables/benchmark.csv",
            caption="../report/benchmark.rst",
            category="Tables",
        ),
        markdown="results/tables/benchmark.md",
        latex="results/tables/benchmark.tex",
        summary="results/tables/summary.csv",
        protocols=report(
            "results/tables/protocols.csv",
            caption="../report/protocols.rst",
            category="Tables",
        ),
        events=report(
            "results/tables/events.csv",
            caption="../report/events.rst",
            category="Tables",
        ),
        listing="results/tables/contents.json",
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
        job=params_of("tabulate"),
        script=PLAN.script("tabulate"),
    script:
        "../scripts/tabulate.py"


rule count_cost:
    input:
        unpack(files_of("count_cost")),
    output:
        "results/{dataset}/{method}/{variant}/cost.json",
    log:
        "logs/count_cost/{dataset}/{method}/{variant}.log",
    benchmark:
        "results/timings/count_cost/{dataset}/{method}/{variant}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        job=params_of("count_cost"),
        script=PLAN.script("count_cost"),
    script:
        "../scripts/count_cost.py"


rule draw_thumbnails:
    input:
        unpack(files_of("draw_thumbnails")),
    output:
        directory("results/{dataset}/thumbnails"),
    log:
        "logs/draw_thumbnails/{dataset}.log",
    benchmark:
        "results/timings/draw_thumbnails/{dataset}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        job=params_of("draw_thumbnails"),
        script=PLAN.script("draw_thumbnails"),
    script:
        "../scripts/draw_thumbnails.py"


rule build_report:
    input:
        unpack(files_of("build_report")),
    output:
        directory("results/report"),
    log:
        "logs/build_report.log",
    benchmark:
        "results/timings/build_report.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        job=params_of("build_report"),
        script=PLAN.script("build_report"),
    script:
        "../scripts/build_report.py"


rule draw_curves:
    input:
        unpack(files_of("draw_curves")),
    output:
        report(
            directory("results/{dataset}/{method}/{variant}/seed{seed}/curves"),
            caption="../report/curves.rst",
            patterns=["{clip}.png"],
            category="{dataset}",
            subcategory="{method} {variant}",
            labels={"picture": "score of {clip}", "seed": "{seed}"},
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
        job=params_of("draw_curves"),
        script=PLAN.script("draw_curves"),
    script:
        "../scripts/draw_curves.py"


rule explain:
    input:
        unpack(files_of("explain")),
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
        job=params_of("explain"),
        script=PLAN.script("explain"),
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
        unpack(files_of("draw_variants")),
    output:
        report(
            directory("results/{dataset}/{method}/variants/seed{seed}"),
            caption="../report/variants.rst",
            patterns=["{picture}.png"],
            category="{dataset}",
            subcategory="{method}",
            labels={"picture": "all variants", "seed": "{seed}"},
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
        job=params_of("draw_variants"),
        script=PLAN.script("draw_variants"),
    script:
        "../scripts/draw_variants.py"


rule draw_panels:
    input:
        unpack(files_of("draw_panels")),
    output:
        report(
            directory("results/{dataset}/{method}/{variant}/seed{seed}/panels"),
            caption="../report/panels.rst",
            patterns=["{frame}.png"],
            category="{dataset}",
            subcategory="{method} {variant}",
            labels={"picture": "frame {frame}", "seed": "{seed}"},
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
        job=params_of("draw_panels"),
        script=PLAN.script("draw_panels"),
    script:
        "../scripts/draw_panels.py"
