# From raw data to checked clips and their index.
#
# results/<dataset>/scene/<split>/<clip>.h5      rendered data sets only: frames and ground truth
# results/<dataset>/clips/<split>/<clip>.json    one checked clip: size, frames, digest
# results/<dataset>/index.json                   all clips, fps, labels with source and SHA-256


rule render_scene:
    output:
        "results/{dataset}/scene/{split}/{clip}.h5",
    params:
        job=scene_params,
    log:
        "logs/render_scene/{dataset}/{split}/{clip}.log",
    benchmark:
        "results/timings/render_scene/{dataset}/{split}/{clip}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/vadbench.yaml"
    script:
        "../scripts/render_scene.py"


rule check_clip:
    input:
        raw_files,
    output:
        "results/{dataset}/clips/{split}/{clip}.json",
    params:
        job=clip_params,
    log:
        "logs/check_clip/{dataset}/{split}/{clip}.log",
    benchmark:
        "results/timings/check_clip/{dataset}/{split}/{clip}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    conda:
        "../../envs/vadbench.yaml"
    script:
        "../scripts/check_clip.py"


rule index:
    input:
        unpack(index_files),
    output:
        "results/{dataset}/index.json",
    params:
        job=index_params,
    log:
        "logs/index/{dataset}.log",
    benchmark:
        "results/timings/index/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    conda:
        "../../envs/vadbench.yaml"
    script:
        "../scripts/index.py"
