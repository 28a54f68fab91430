from contextlib import ExitStack
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]), ExitStack() as stack:
    from vadbench.artefacts import Identity, open_artefact
    from vadbench.datasets import open_source
    from vadbench.datasets.index import load_json
    from vadbench.objects.boxes import find_objects
    from vadbench.objects.importing import read_boxes

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    segmentation = imported = None
    if files.get("segmentation"):
        segmentation = stack.enter_context(open_artefact(files.segmentation[0], "segmentation"))
    if files.get("boxes"):
        records = [load_json(path) for path in files.clips]
        imported = read_boxes(
            Path(files.boxes[0]), {record["clip"]: record["n_frames"] for record in records}
        )[at.clip]
    find_objects(
        open_source(job["source"], at.dataset, at.split, at.clip),
        segmentation,
        imported,
        job["settings"],
        Identity(at.dataset, at.split, at.clip),
        Path(snakemake.output[0]),
        inputs=tuple(map(Path, snakemake.input)),
        code=job["code"],
    )
