# From raw data to checked clips and their index.
#
# results/<dataset>/scene/<split>/<clip>.h5      rendered data sets only: frames and ground truth
# results/<dataset>/clips/<split>/<clip>.json    one checked clip: size, frames, digest
# results/<dataset>/index.json                   all clips, fps, labels with source and SHA-256
# results/<dataset>/regions.h5                   boxes and tracks of what is abnormal, where known


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
        job=params_of("render_scene"),
        script=PLAN.script("render_scene"),
    script:
        "../scripts/render_scene.py"


rule check_clip:
    input:
        unpack(files_of("check_clip")),
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
        job=params_of("check_clip"),
        script=PLAN.script("check_clip"),
    script:
        "../scripts/check_clip.py"


rule index:
    input:
        unpack(files_of("index")),
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
        job=params_of("index"),
        script=PLAN.script("index"),
    script:
        "../scripts/index.py"


rule find_regions:
    input:
        unpack(files_of("find_regions")),
    output:
        "results/{dataset}/regions.h5",
    log:
        "logs/find_regions/{dataset}.log",
    benchmark:
        "results/timings/find_regions/{dataset}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        job=params_of("find_regions"),
        script=PLAN.script("find_regions"),
    script:
        "../scripts/find_regions.py"
