from functools import partial
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import file_digest, library_versions
    from vadbench.artefacts.kinds import RECORDS
    from vadbench.datasets.index import index_anomalies, index_labels, load_json, write_json
    from vadbench.regions import Regions
    from vadbench.scoring.decision import decide
    from vadbench.scoring.evaluate import evaluate_maps, evaluate_run, protocol_matrix
    from vadbench.scoring.events import find_events, threshold
    from vadbench.scoring.protocol import Protocol
    from vadbench.scoring.scores import Scores

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    index = load_json(files.index)
    paths = {
        name: (files[f"{prefix}train"], files[f"{prefix}test"])
        for name in job["selections"]
        for prefix in ["" if name == "last" else f"{name}_"]
    }
    protocols = {name: Protocol(**item) for name, item in job["protocols"].items()}
    every = {name: Protocol(**item) for name, item in job["matrix"].items()}
    own, weights, rate = job["default_protocol"], job["weights"], job["false_positive_rate"]
    scores = {key: tuple(map(Scores.load, pair)) for key, pair in paths.items()}
    records, matrix, labels = [], [], None
    if index["labels"]["known"]:
        labels, anomalies = index_labels(index), index_anomalies(index)
        regions = Regions.load(files.regions)
        records = evaluate_run(scores, labels, protocols, weights, anomalies, regions, {own})
        matrix = protocol_matrix(scores, labels, every, weights)
        if files.get("maps"):
            from vadbench.datasets.masks import open_masks
            from vadbench.scoring.maps import open_maps

            with open_maps(files.maps) as maps:
                open_mask = partial(open_masks, job["masks"], at.dataset)
                records += evaluate_maps(maps, regions, open_mask)
    limit, events, decisions = None, [], {}
    if weights:
        # Components that stand alone are no method, and find no events.
        chosen = (*scores["last"], protocols[own], weights)
        limit = threshold(chosen[0], *chosen[2:], rate)
        events = find_events(*chosen, limit, round(job["event_gap"] * index["fps"]))
        for selection, pair in scores.items():
            decisions[selection], found = decide(*pair, labels, protocols[own], weights, rate)
            about = {"selection": selection, "protocol": own, "score": "fused"}
            records += [about | item for item in found]
    write_json(
        {
            "schema": RECORDS["metrics.json"],
            "dataset": at.dataset,
            "method": at.method,
            "variant": at.variant,
            "seed": int(at.seed),
            "budget": job["budget"],
            "default_protocol": own,
            "labels": {key: index["labels"][key] for key in ("known", "source", "sha256")},
            "threshold": {"score": limit, "false_positive_rate": rate},
            "decisions": decisions,
            "events": [event.record(index["fps"]) for event in events],
            "scores": {key: file_digest(pair[1]) for key, pair in paths.items()},
            "inputs": {str(path): file_digest(path) for path in snakemake.input},
            "code": job["code"],
            "libraries": library_versions(),
            "records": records,
            "matrix": matrix,
        },
        Path(snakemake.output[0]),
    )
