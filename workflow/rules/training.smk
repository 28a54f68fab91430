# One job per stage of a method; stages of another variant are used, not trained again.
#
# results/<dataset>/<method>/<variant>/seed<seed>/<stage>.safetensors
# results/<dataset>/<method>/<variant>/seed<seed>/training/<stage>/   logs and checkpoints


rule train:
    input:
        unpack(train_files),
    output:
        **PLAN.extra_outputs(
            "results/{dataset}/{method}/{variant}/seed{seed}/{stage}.best_test.safetensors"
        ),
        weights="results/{dataset}/{method}/{variant}/seed{seed}/{stage}.safetensors",
    log:
        "logs/train/{dataset}/{method}/{variant}/seed{seed}/{stage}.log",
    benchmark:
        "results/timings/train/{dataset}/{method}/{variant}/seed{seed}/{stage}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 8
    resources:
        mem_mb=16000,
        runtime=1440,
        gpu=1,
    params:
        job=train_params,
    script:
        "../scripts/train.py"
