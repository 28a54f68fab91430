# From raw data to checked clips and their index.
#
# results/<dataset>/scene/<split>/<clip>.h5      rendered data sets only: frames and ground truth
# results/<dataset>/clips/<split>/<clip>.json    one checked clip: size, frames, digest
# results/<dataset>/index.json                   all clips, fps, labels with source and SHA-256


rule render_scene:
    output:
        "results/{dataset}/scene/{split}/{clip}.h5",
    log:
        "logs/render_scene/{dataset}/{split}/{clip}.log",
    benchmark:
        "results/timings/render_scene/{dataset}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        job=scene_params,
    script:
        "../scripts/render_scene.py"


rule check_clip:
    input:
        raw_files,
    output:
        "results/{dataset}/clips/{split}/{clip}.json",
    log:
        "logs/check_clip/{dataset}/{split}/{clip}.log",
    benchmark:
        "results/timings/check_clip/{dataset}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        job=clip_params,
    script:
        "../scripts/check_clip.py"


rule index:
    input:
        unpack(index_files),
    output:
        "results/{dataset}/index.json",
    log:
        "logs/index/{dataset}.log",
    benchmark:
        "results/timings/index/{dataset}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        job=index_params,
    script:
        "../scripts/index.py"
