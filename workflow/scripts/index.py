from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets.index import build_index, write_json
    from vadbench.plan import raw_labels

    job, at = snakemake.params.job, snakemake.wildcards
    clips = {
        split: [Path(f"results/{at.dataset}/clips/{split}/{name}.json") for name in names]
        for split, names in job["clips"].items()
    }
    labels = raw_labels(job["settings"], at.dataset)
    write_json(build_index(at.dataset, job["settings"], clips, labels), Path(snakemake.output[0]))
