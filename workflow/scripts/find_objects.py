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
    boxes = snakemake.params.foreign.get("boxes", [])
    segmentation = imported = source = None
    if files.get("segmentation"):
        segmentation = stack.enter_context(open_artefact(files.segmentation[0], "segmentation"))
    if boxes:
        records = [load_json(path) for path in files.get("clips") or files.clip]
        lengths = {record["clip"]: record["n_frames"] for record in records}
        source = boxes[0].parent if boxes[0].suffix == ".csv" else boxes[0]
        imported = read_boxes(source, lengths)[at.clip]
    find_objects(
        open_source(job["source"], at.dataset, at.split, at.clip),
        segmentation,
        imported,
        job["settings"],
        Identity(at.dataset, at.split, at.clip),
        Path(snakemake.output[0]),
        origin=str(source),
        inputs=(*map(Path, snakemake.input), *boxes),
        code=job["code"],
    )
