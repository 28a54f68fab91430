from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import file_digest, library_versions
    from vadbench.datasets.index import index_anomalies, index_labels, load_json, write_json
    from vadbench.scoring.evaluate import evaluate_run
    from vadbench.scoring.events import find_events, threshold
    from vadbench.scoring.protocol import Protocol
    from vadbench.scoring.scores import Scores

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    index = load_json(files.index)
    paths = {"last": (files.train, files.test)}
    if files.get("best_test_test"):
        paths["best_test"] = (files.best_test_train, files.best_test_test)
    protocols = {name: Protocol(**item) for name, item in job["protocols"].items()}
    scores = {key: tuple(map(Scores.load, pair)) for key, pair in paths.items()}
    records = []
    if index["labels"]["known"]:
        labels, anomalies = index_labels(index), index_anomalies(index)
        records = evaluate_run(scores, labels, protocols, job["weights"], anomalies)
    limit, events = None, []
    if job["weights"]:
        # Components that stand alone are no method, and find no events.
        chosen = (*scores["last"], protocols[job["default_protocol"]], job["weights"])
        limit = threshold(chosen[0], *chosen[2:], job["false_positive_rate"])
        events = find_events(*chosen, limit, round(job["event_gap"] * index["fps"]))
    write_json(
        {
            "schema": 2,
            "dataset": at.dataset,
            "method": at.method,
            "variant": at.variant,
            "seed": int(at.seed),
            "budget": job["budget"],
            "default_protocol": job["default_protocol"],
            "labels": {key: index["labels"][key] for key in ("known", "source", "sha256")},
            "threshold": {"score": limit, "false_positive_rate": job["false_positive_rate"]},
            "events": [event.record(index["fps"]) for event in events],
            "scores": {key: file_digest(pair[1]) for key, pair in paths.items()},
            "inputs": {str(path): file_digest(path) for path in snakemake.input},
            "code": job["code"],
            "libraries": library_versions(),
            "records": records,
        },
        Path(snakemake.output[0]),
    )
