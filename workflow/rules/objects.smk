# What methods read: cubes cut at the boxes of objects, or views of whole frames.
#
# results/<dataset>/objects/<name>/<split>/<clip>.h5
# results/<dataset>/cubes/<name>/<split>/<clip>.h5
# results/<dataset>/views/<name>/<split>/<clip>.h5


rule find_objects:
    input:
        unpack(files_of("find_objects")),
    output:
        "results/{dataset}/objects/{name}/{split}/{clip}.h5",
    log:
        "logs/find_objects/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/find_objects/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=params_of("find_objects"),
        script=PLAN.script("find_objects"),
        foreign=foreign_of("objects"),
    script:
        "../scripts/find_objects.py"


rule cut_cubes:
    input:
        unpack(files_of("cut_cubes")),
    output:
        "results/{dataset}/cubes/{name}/{split}/{clip}.h5",
    log:
        "logs/cut_cubes/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/cut_cubes/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=params_of("cut_cubes"),
        script=PLAN.script("cut_cubes"),
    script:
        "../scripts/cut_cubes.py"


rule make_views:
    input:
        unpack(files_of("make_views")),
    output:
        "results/{dataset}/views/{name}/{split}/{clip}.h5",
    log:
        "logs/make_views/{dataset}/{name}/{split}/{clip}.log",
    benchmark:
        "results/timings/make_views/{dataset}/{name}/{split}/{clip}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        job=params_of("make_views"),
        script=PLAN.script("make_views"),
    script:
        "../scripts/make_views.py"
