from dataclasses import replace
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    import numpy as np

    from vadbench.datasets.index import index_anomalies, index_labels, load_json
    from vadbench.methods import ExplainJob, get_method
    from vadbench.scoring.choose import choose_frames, choose_kinds
    from vadbench.scoring.protocol import Protocol
    from vadbench.scoring.scores import Scores

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    method = get_method(at.method)
    train, test = map(Scores.load, files.scores)
    index = load_json(files.index)
    labels = index_labels(index)
    protocol = Protocol.model_validate(job["protocol"])
    output = Path(snakemake.output[0])
    if output.name == "kinds.h5":
        anomalies = index_anomalies(index)
        chosen = choose_kinds(train, test, labels, anomalies, protocol, job["weights"])
    else:
        chosen = choose_frames(train, test, labels, protocol, job["weights"], job["frames"])
    if not index["labels"]["known"]:
        chosen = replace(chosen, labels=np.full_like(chosen.labels, 2))
    is_maps = output.name == "maps.h5"
    method.explain(
        ExplainJob(
            dataset=at.dataset,
            method=at.method,
            variant=at.variant,
            split="test",
            settings=method.settings_model(**job["settings"]),
            seed=int(at.seed),
            weights=dict(zip(job["stages"], map(Path, files.get("weights", [])), strict=True)),
            cubes=list(map(Path, files.get("cubes", []))),
            views=list(map(Path, files.get("views", []))),
            chosen=chosen,
            scores=list(map(Path, files.scores)),
            panels=None if is_maps else output,
            maps=output if is_maps else None,
            size=job["size"],
            precision=job["precision"],
            threads=snakemake.threads,
            frozen=next(map(Path, files.get("frozen", [])), None),
            effective=job["settings"],
            code=job["code"],
        )
    )
