import logging
from functools import partial
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts.facts import write_listing
    from vadbench.datasets import open_source
    from vadbench.datasets.index import load_json
    from vadbench.report.thumbnails import draw_sheets

    job, at = snakemake.params.job, snakemake.wildcards
    names = [load_json(path)["clip"] for path in snakemake.input.clips]
    clips = {name: partial(open_source, job["source"], at.dataset, "test", name) for name in names}
    draw_sheets(Path(snakemake.output[0]), clips, partial(logging.info, "%s"))
    write_listing(
        Path(snakemake.output[0]), map(Path, snakemake.input), snakemake.params.job["code"]
    )
