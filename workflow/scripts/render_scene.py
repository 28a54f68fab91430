from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets.walkway import render_clip
    from vadbench.datasets.walkway.settings import WalkwaySettings

    job, at = snakemake.params.job, snakemake.wildcards
    render_clip(
        WalkwaySettings(**job["settings"]),
        at.dataset,
        at.split,
        at.clip,
        Path(snakemake.output[0]),
        code=job["code"],
    )
