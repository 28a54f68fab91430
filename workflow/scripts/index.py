from contextlib import nullcontext
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets import raw_root, read_labels, watch_labels
    from vadbench.datasets.index import build_index, load_json, write_json
    from vadbench.plain import PlainSettings

    job, at = snakemake.params.job, snakemake.wildcards
    section = PlainSettings(job["settings"])
    files = iter(snakemake.input.clips)
    records = {
        split: [load_json(next(files)) for _ in clips] for split, clips in job["clips"].items()
    }
    with watch_labels(section, at.dataset, job["state"]) if "state" in job else nullcontext():
        labels = read_labels(section, raw_root(section.family, at.dataset))
    index = build_index(
        at.dataset,
        section.family,
        section.fps,
        records,
        labels,
        job["official"],
    )
    write_json(index, Path(snakemake.output[0]))
