# One job per stage of a method; stages of another variant are used, not trained again.
#
# results/<dataset>/<method>/<variant>/seed<seed>/<stage>.safetensors
# results/<dataset>/<method>/<variant>/seed<seed>/training/<stage>/   logs and checkpoints
# results/<dataset>/<method>/<variant>/seed<seed>/frozen/<stage>/<split>.h5   what a frozen stage makes
#   of a split: read by the stages after it and by scoring. Not temp(): made again for one of its
#   readers, it would make all of them stale.


rule train:
    input:
        unpack(files_of("train")),
    output:
        **PLAN.chosen_weights("results/{dataset}/{method}/{variant}/seed{seed}/{stage}"),
        weights="results/{dataset}/{method}/{variant}/seed{seed}/{stage}.safetensors",
    log:
        "logs/train/{dataset}/{method}/{variant}/seed{seed}/{stage}.log",
    benchmark:
        "results/timings/train/{dataset}/{method}/{variant}/seed{seed}/{stage}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 8
    resources:
        mem_mb=growing(16000),
        # Started again it goes on from its checkpoint: more time would only make it wait longer.
        runtime=1440,
        gpu=1,
    params:
        job=params_of("train"),
        script=PLAN.script("train"),
        foreign=train_foreign,
    script:
        "../scripts/train.py"


rule apply_frozen:
    input:
        unpack(files_of("apply_frozen")),
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/frozen/{stage}/{split}.h5",
    log:
        "logs/apply_frozen/{dataset}/{method}/{variant}/seed{seed}/{stage}_{split}.log",
    benchmark:
        "results/timings/apply_frozen/{dataset}/{method}/{variant}/seed{seed}/{stage}_{split}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=growing(480),
        gpu=1,
    params:
        job=params_of("apply_frozen"),
        script=PLAN.script("apply_frozen"),
    script:
        "../scripts/apply_frozen.py"
