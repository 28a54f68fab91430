from contextlib import ExitStack
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]), ExitStack() as stack:
    from vadbench.artefacts import Identity, open_artefact
    from vadbench.datasets import open_source
    from vadbench.objects.views import make_views
    from vadbench.plain import PlainSettings

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    sources = {
        kind: stack.enter_context(open_artefact(files.get(kind)[0], kind))
        for kind in ("flow", "segmentation", "depth")
        if files.get(kind)
    }
    make_views(
        open_source(job["source"], at.dataset, at.split, at.clip),
        sources.get("flow"),
        sources.get("segmentation"),
        sources.get("depth"),
        PlainSettings(job["settings"]),
        Identity(at.dataset, at.split, at.clip),
        Path(snakemake.output[0]),
        inputs=tuple(map(Path, snakemake.input)),
        code=job["code"],
    )
