from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets.index import load_json
    from vadbench.datasets.regions import find_regions

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    records = load_json(files.index)["clips"]["test"]
    find_regions(job["settings"], at.dataset, records).save(
        Path(snakemake.output[0]),
        at.dataset,
        inputs=[Path(files.index), *map(Path, files.get("scenes", []))],
        code=job["code"],
    )
