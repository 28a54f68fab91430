from contextlib import nullcontext
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets import open_source, watch_clip
    from vadbench.datasets.check import check_clip
    from vadbench.datasets.index import write_json

    job, at = snakemake.params.job, snakemake.wildcards
    place = (job["source"], at.dataset, at.split, at.clip)
    with watch_clip(*place, job["state"]) if "state" in job else nullcontext():
        record = check_clip(open_source(*place), at.clip)
    write_json(record, Path(snakemake.output[0]))
