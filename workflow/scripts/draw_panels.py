from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import open_artefact
    from vadbench.artefacts.facts import write_listing
    from vadbench.datasets import open_source
    from vadbench.datasets.masks import open_masks
    from vadbench.report.panels import draw_panels

    job, at = snakemake.params.job, snakemake.wildcards

    def open_frames(clip):
        masks = open_masks(job["masks"], at.dataset, clip)
        return open_source(job["source"], at.dataset, "test", clip), masks

    with open_artefact(snakemake.input.panels, "panels") as panels:
        title = f"{at.method} {at.variant}, seed {at.seed}"
        draw_panels(panels, Path(snakemake.output[0]), title, open_frames)
    write_listing(
        Path(snakemake.output[0]), map(Path, snakemake.input), snakemake.params.job["code"]
    )
