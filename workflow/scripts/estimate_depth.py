from contextlib import ExitStack
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]), ExitStack() as stack:
    from vadbench.artefacts import Identity, open_artefact
    from vadbench.datasets import open_source
    from vadbench.plain import PlainSettings
    from vadbench.teachers.depth import estimate_depth

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    scene = None
    if files.get("raw"):
        scene = stack.enter_context(open_artefact(files.raw[0], "scene"))
    estimate_depth(
        open_source(job["source"], at.dataset, at.split, at.clip),
        scene,
        PlainSettings(job["settings"]),
        Identity(at.dataset, at.split, at.clip),
        Path(snakemake.output[0]),
        inputs=tuple(map(Path, snakemake.input)),
        code=job["code"],
    )
