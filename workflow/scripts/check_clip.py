from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets import open_source
    from vadbench.datasets.index import check_clip, write_json

    job, at = snakemake.params.job, snakemake.wildcards
    clip = open_source(job["source"], at.dataset, at.split, at.clip)
    write_json(check_clip(clip, at.clip), Path(snakemake.output[0]))
