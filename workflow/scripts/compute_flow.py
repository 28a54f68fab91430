from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import Identity
    from vadbench.plan import open_raw_clip
    from vadbench.teachers.flow import FlowSettings, compute_flow

    job, at = snakemake.params.job, snakemake.wildcards
    compute_flow(
        open_raw_clip(job["source"], at.dataset, at.split, at.clip),
        FlowSettings(**job["settings"]),
        Identity(at.dataset, at.split, at.clip),
        Path(snakemake.output[0]),
        inputs=tuple(map(Path, snakemake.input)),
        code=job["code"],
    )
