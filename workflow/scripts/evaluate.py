from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import file_digest
    from vadbench.datasets.index import index_anomalies, index_labels, load_json, write_json
    from vadbench.scoring.evaluate import evaluate_run
    from vadbench.scoring.protocol import Protocol
    from vadbench.scoring.scores import Scores

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    index = load_json(files.index)
    paths = {"last": (files.train, files.test)}
    if files.get("best_test_test"):
        paths["best_test"] = (files.best_test_train, files.best_test_test)
    records = evaluate_run(
        {key: tuple(map(Scores.load, pair)) for key, pair in paths.items()},
        index_labels(index),
        {name: Protocol(**item) for name, item in job["protocols"].items()},
        job["weights"],
        index_anomalies(index),
    )
    write_json(
        {
            "schema": 1,
            "dataset": at.dataset,
            "method": at.method,
            "variant": at.variant,
            "seed": int(at.seed),
            "budget": job["budget"],
            "default_protocol": job["default_protocol"],
            "labels": {key: index["labels"][key] for key in ("source", "sha256")},
            "scores": {key: file_digest(pair[1]) for key, pair in paths.items()},
            "records": records,
        },
        Path(snakemake.output[0]),
    )
