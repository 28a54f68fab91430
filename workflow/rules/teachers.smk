# What methods learn from: one artefact per clip and named setting.
#
# results/<dataset>/segmentation/<name>/<split>/<clip>.h5
# results/<dataset>/flow/<name>/<split>/<clip>.h5
# results/<dataset>/depth/<name>/<split>/<clip>.h5


rule segment:
    input:
        unpack(files_of("segment")),
    output:
        "results/{dataset}/segmentation/{name}/{split}/{clip}.h5",
    log:
        "logs/segment/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/segment/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        segmentation_environment
    threads: of_network("segmentation", 8, 1)
    resources:
        mem_mb=growing(of_network("segmentation", 8000, 2000)),
        runtime=growing(60),
        gpu=of_network("segmentation", 1, 0),
    params:
        job=params_of("segment"),
        script=PLAN.script("segment"),
        foreign=foreign_of("segmentation"),
    script:
        "../scripts/segment.py"


rule compute_flow:
    input:
        unpack(files_of("compute_flow")),
    output:
        "results/{dataset}/flow/{name}/{split}/{clip}.h5",
    log:
        "logs/compute_flow/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/compute_flow/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: of_network("flow", 8, 1)
    resources:
        mem_mb=growing(of_network("flow", 8000, 2000)),
        runtime=growing(60),
        gpu=of_network("flow", 1, 0),
    params:
        job=params_of("compute_flow"),
        script=PLAN.script("compute_flow"),
        foreign=foreign_of("flow"),
    script:
        "../scripts/compute_flow.py"


rule estimate_depth:
    input:
        unpack(files_of("estimate_depth")),
    output:
        "results/{dataset}/depth/{name}/{split}/{clip}.h5",
    log:
        "logs/estimate_depth/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/estimate_depth/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: of_network("depth", 8, 1)
    resources:
        mem_mb=growing(of_network("depth", 8000, 2000)),
        runtime=growing(60),
        gpu=of_network("depth", 1, 0),
    params:
        job=params_of("estimate_depth"),
        script=PLAN.script("estimate_depth"),
        foreign=foreign_of("depth"),
    script:
        "../scripts/estimate_depth.py"
