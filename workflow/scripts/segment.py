from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import Identity, open_artefact
    from vadbench.teachers.segmentation.annotations import segment_annotations

    job, at = snakemake.params.job, snakemake.wildcards
    with open_artefact(snakemake.input.raw[0], "scene") as scene:
        segment_annotations(
            scene,
            Identity(at.dataset, at.split, at.clip),
            Path(snakemake.output[0]),
            inputs=tuple(map(Path, snakemake.input)),
            code=job["code"],
        )
