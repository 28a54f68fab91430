from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts.facts import write_listing
    from vadbench.config import load_config
    from vadbench.plan import Plan
    from vadbench.report.site.build import build_site

    build_site(Plan(load_config(snakemake.config)), Path(snakemake.output[0]))
    write_listing(
        Path(snakemake.output[0]), map(Path, snakemake.input), snakemake.params.job["code"]
    )
