from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import Identity, open_artefact

    job, at = snakemake.params.job, snakemake.wildcards
    owner, output = Identity(at.dataset, at.split, at.clip), Path(snakemake.output[0])
    about = {"inputs": tuple(map(Path, snakemake.input)), "code": job["code"]}
    if job["settings"]["backend"] == "motion":
        from vadbench.datasets import open_source
        from vadbench.teachers.segmentation.motion import segment_motion
        from vadbench.teachers.segmentation.settings import SegmentationSettings

        clip = open_source(job["source"], at.dataset, at.split, at.clip)
        segment_motion(clip, SegmentationSettings(**job["settings"]), owner, output, **about)
    else:
        from vadbench.teachers.segmentation.annotations import segment_annotations

        with open_artefact(snakemake.input.raw[0], "scene") as scene:
            segment_annotations(scene, owner, output, **about)
