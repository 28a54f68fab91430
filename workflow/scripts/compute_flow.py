from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import Identity
    from vadbench.datasets import open_source
    from vadbench.plain import PlainSettings
    from vadbench.teachers.flow import compute_flow

    job, at = snakemake.params.job, snakemake.wildcards
    weights = snakemake.params.foreign.get("weights", [])
    network = {}
    if weights:
        entry = snakemake.config["flow"][at.name].get("ptlflow", {})
        network = {
            "weights": weights[0],
            "batch_size": entry.get("batch_size", 4),
            "threads": snakemake.threads,
        }
    compute_flow(
        open_source(job["source"], at.dataset, at.split, at.clip),
        PlainSettings(job["settings"]),
        Identity(at.dataset, at.split, at.clip),
        Path(snakemake.output[0]),
        inputs=(*map(Path, snakemake.input), *weights),
        code=job["code"],
        **network,
    )
