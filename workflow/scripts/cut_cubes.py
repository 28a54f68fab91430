from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import Identity, open_artefact
    from vadbench.datasets import open_source
    from vadbench.objects.cubes import cut_cubes
    from vadbench.plain import PlainSettings

    job, at = snakemake.params.job, snakemake.wildcards
    with (
        open_artefact(snakemake.input.flow[0], "flow") as flow,
        open_artefact(snakemake.input.objects[0], "objects") as objects,
    ):
        cut_cubes(
            open_source(job["source"], at.dataset, at.split, at.clip),
            flow,
            objects,
            PlainSettings(job["settings"]),
            Identity(at.dataset, at.split, at.clip),
            Path(snakemake.output[0]),
            inputs=tuple(map(Path, snakemake.input)),
            code=job["code"],
        )
