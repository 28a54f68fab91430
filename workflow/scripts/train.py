from functools import partial
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.methods import TestSet, TrainJob, get_method

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    method = get_method(at.method)
    test = None
    if "judge" in job:
        from vadbench.artefacts import file_digest
        from vadbench.datasets.index import index_labels, load_json
        from vadbench.scoring.judge import judge
        from vadbench.scoring.protocol import Protocol

        labels = index_labels(load_json(files.index[0]))
        test = TestSet(
            list(labels),
            list(map(Path, files.get("test_cubes") or files.test_views)),
            next(map(Path, files.get("test_frozen", [])), None),
            partial(judge, labels, Protocol(**job["protocol"]), job["weights"]),
            {key: job[key] for key in ("judge", "protocol", "weights")}
            | {"labels": file_digest(files.index[0])},
        )
    method.train(
        TrainJob(
            dataset=at.dataset,
            method=at.method,
            variant=at.variant,
            stage=at.stage,
            settings=method.settings_model(**job["settings"]),
            seed=int(at.seed),
            weights=dict(zip(job["earlier"], map(Path, files.get("earlier", [])), strict=True)),
            cubes=list(map(Path, files.get("cubes", []))),
            views=list(map(Path, files.get("views", []))),
            output=Path(snakemake.output.weights),
            work=Path(snakemake.output.weights).parent / "training" / at.stage,
            precision=job["precision"],
            memory_gb=snakemake.config.get("memory_gb", 4.0),
            threads=snakemake.threads,
            devices=max(1, snakemake.resources.get("gpu", 1)),
            frozen=next(map(Path, files.get("frozen", [])), None),
            pretrained=next(iter(snakemake.params.foreign.get("pretrained", [])), None),
            test=test,
            least_loss=job.get("least_loss", False),
            effective=job["settings"],
            code=job["code"],
        )
    )
