# Raw component scores once, then every protocol on them.
#
# results/<dataset>/<method>/<variant>/seed<seed>/scores/<split>.h5
# results/<dataset>/<method>/<variant>/seed<seed>/<selection>/scores/<split>.h5   of an epoch that is
#   chosen beside the last: best_test, train_loss
# results/<dataset>/<method>/<variant>/seed<seed>/metrics.json


rule score:
    input:
        unpack(files_of("score")),
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/scores/{split}.h5",
    log:
        "logs/score/{dataset}/{method}/{variant}/seed{seed}/{split}.log",
    benchmark:
        "results/timings/score/{dataset}/{method}/{variant}/seed{seed}/{split}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: of_trained(8, 1)
    resources:
        mem_mb=growing(of_trained(8000, 2000)),
        runtime=growing(480),
        gpu=of_trained(1, 0),
    params:
        job=params_of("score"),
        script=PLAN.script("score"),
    script:
        "../scripts/score.py"


use rule score as score_chosen with:
    input:
        unpack(files_of("score_chosen")),
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/{selection}/scores/{split}.h5",
    log:
        "logs/score_chosen/{dataset}/{method}/{variant}/seed{seed}/{selection}/{split}.log",
    benchmark:
        "results/timings/score_chosen/{dataset}/{method}/{variant}/seed{seed}/{selection}/{split}.tsv"


rule evaluate:
    input:
        unpack(files_of("evaluate")),
    output:
        "results/{dataset}/{method}/{variant}/seed{seed}/metrics.json",
    log:
        "logs/evaluate/{dataset}/{method}/{variant}/seed{seed}.log",
    benchmark:
        "results/timings/evaluate/{dataset}/{method}/{variant}/seed{seed}.tsv"
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        job=params_of("evaluate"),
        script=PLAN.script("evaluate"),
    script:
        "../scripts/evaluate.py"
