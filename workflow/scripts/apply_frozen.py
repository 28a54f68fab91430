from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.methods import ApplyJob, get_method

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    method = get_method(at.method)
    method.apply(
        ApplyJob(
            dataset=at.dataset,
            method=at.method,
            variant=at.variant,
            stage=at.stage,
            split=at.split,
            settings=method.settings_model(**job["settings"]),
            seed=int(at.seed),
            weights=dict(zip(job["stages"], map(Path, files.weights), strict=True)),
            cubes=list(map(Path, files.get("cubes", []))),
            views=list(map(Path, files.get("views", []))),
            output=Path(snakemake.output[0]),
            precision=job["precision"],
            threads=snakemake.threads,
            effective=job["settings"],
            code=job["code"],
        )
    )
