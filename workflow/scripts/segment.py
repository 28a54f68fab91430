from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import Identity, open_artefact

    job, at = snakemake.params.job, snakemake.wildcards
    owner, output = Identity(at.dataset, at.split, at.clip), Path(snakemake.output[0])
    foreign = snakemake.params.foreign
    own = [path for paths in foreign.values() for path in paths]
    about = {"inputs": (*map(Path, snakemake.input), *own), "code": job["code"]}
    if job["settings"]["backend"] != "annotations":
        from vadbench.datasets import open_source
        from vadbench.plain import PlainSettings

        clip = open_source(job["source"], at.dataset, at.split, at.clip)
        settings = PlainSettings(job["settings"])
    if job["settings"]["backend"] == "motion":
        from vadbench.teachers.segmentation.motion import segment_motion

        segment_motion(clip, settings, owner, output, **about)
    elif job["settings"]["backend"] == "maskrcnn":
        from vadbench.teachers.segmentation.maskrcnn import segment_maskrcnn

        weights = foreign["weights"][0]
        entry = snakemake.config["segmentation"][at.name].get("maskrcnn", {})
        about["batch_size"] = entry.get("batch_size", 4)
        segment_maskrcnn(clip, settings, weights, owner, output, threads=snakemake.threads, **about)
    elif job["settings"]["backend"] == "import":
        from vadbench.datasets.index import load_json
        from vadbench.teachers.segmentation.importing import segment_import

        records = [load_json(path) for path in snakemake.input.get("clips", [])]
        lengths = {record["clip"]: record["n_frames"] for record in records}
        masks = foreign["masks"][0]
        source = masks if lengths else masks.parent if masks.suffix == ".json" else masks.parents[1]
        segment_import(clip, source, lengths, settings, owner, output, **about)
    else:
        from vadbench.teachers.segmentation.annotations import segment_annotations

        with open_artefact(snakemake.input.raw[0], "scene") as scene:
            segment_annotations(scene, owner, output, **about)
