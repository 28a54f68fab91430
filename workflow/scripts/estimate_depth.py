from contextlib import ExitStack
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]), ExitStack() as stack:
    from vadbench.artefacts import Identity, open_artefact
    from vadbench.datasets import open_source
    from vadbench.plain import PlainSettings

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    clip = open_source(job["source"], at.dataset, at.split, at.clip)
    settings = PlainSettings(job["settings"])
    owner, output = Identity(at.dataset, at.split, at.clip), Path(snakemake.output[0])
    weights = snakemake.params.foreign.get("weights", [])
    about = {"inputs": (*map(Path, files), *weights), "code": job["code"]}
    if settings.backend == "dpt":
        from vadbench.teachers.depth.dpt import estimate_depth_dpt

        # A network of transformers is a folder of several files.
        source = weights[0] if len(weights) == 1 else weights[0].parent
        entry = snakemake.config["depth"][at.name].get("dpt", {})
        about["batch_size"] = entry.get("batch_size", 8)
        estimate_depth_dpt(
            clip, settings, source, owner, output, threads=snakemake.threads, **about
        )
    else:
        from vadbench.teachers.depth import estimate_depth

        scene = None
        if files.get("raw"):
            scene = stack.enter_context(open_artefact(files.raw[0], "scene"))
        estimate_depth(clip, scene, settings, owner, output, **about)
