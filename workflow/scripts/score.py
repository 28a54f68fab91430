import json
from functools import partial
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.datasets import open_source
    from vadbench.methods import ClipFrames, ScoreJob, get_method

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    method = get_method(at.method)
    clips = [
        ClipFrames(
            Path(record).stem,
            json.loads(Path(record).read_text())["n_frames"],
            partial(open_source, job["source"], at.dataset, at.split, Path(record).stem),
        )
        for record in files.clips
    ]
    method.score(
        ScoreJob(
            dataset=at.dataset,
            method=at.method,
            variant=at.variant,
            split=at.split,
            settings=method.settings_model(**job["settings"]),
            seed=int(at.seed),
            weights=dict(zip(job["stages"], map(Path, files.get("weights", [])), strict=True)),
            clips=clips,
            cubes=list(map(Path, files.get("cubes", []))),
            views=list(map(Path, files.get("views", []))),
            output=Path(snakemake.output[0]),
            precision=job["precision"],
            memory_gb=snakemake.config.get("memory_gb", 4.0),
            threads=snakemake.threads,
            frozen=next(map(Path, files.get("frozen", [])), None),
            effective=job["settings"],
            code=job["code"],
        )
    )
