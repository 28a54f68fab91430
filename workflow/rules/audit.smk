# Reads all results again and checks that all holds: snakemake audit
#
# results/audit.json   what was found; written by every audit


rule audit:
    # No output and no benchmark, which counts as one: what was sound yesterday may have been damaged
    # since, so an audit that is asked for is always made.
    input:
        "results/tables/benchmark.csv",
        all_curves,
        all_panels,
    log:
        "logs/audit.log",
    conda:
        "../../envs/vadbench.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    script:
        "../scripts/audit.py"
