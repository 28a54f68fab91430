# What methods learn from: one artefact per clip and named setting.
#
# results/<dataset>/segmentation/<name>/<split>/<clip>.h5
# results/<dataset>/flow/<name>/<split>/<clip>.h5
# results/<dataset>/depth/<name>/<split>/<clip>.h5


rule segment:
    input:
        unpack(segmentation_files),
    output:
        "results/{dataset}/segmentation/{name}/{split}/{clip}.h5",
    log:
        "logs/segment/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/segment/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: segmentation_threads
    resources:
        mem_mb=segmentation_memory,
        runtime=60,
        gpu=segmentation_gpus,
    params:
        job=segmentation_params,
    script:
        "../scripts/segment.py"


rule compute_flow:
    input:
        unpack(clip_files),
    output:
        "results/{dataset}/flow/{name}/{split}/{clip}.h5",
    log:
        "logs/compute_flow/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/compute_flow/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        job=flow_params,
    script:
        "../scripts/compute_flow.py"


rule estimate_depth:
    input:
        unpack(depth_files),
    output:
        "results/{dataset}/depth/{name}/{split}/{clip}.h5",
    log:
        "logs/estimate_depth/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/estimate_depth/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: depth_threads
    resources:
        mem_mb=depth_memory,
        runtime=60,
        gpu=depth_gpus,
    params:
        job=depth_params,
    script:
        "../scripts/estimate_depth.py"
