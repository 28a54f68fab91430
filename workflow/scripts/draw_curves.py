from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts.facts import write_listing
    from vadbench.datasets import open_source
    from vadbench.datasets.index import index_labels, load_json
    from vadbench.report.curves import draw_run
    from vadbench.scoring.protocol import Protocol
    from vadbench.scoring.scores import Scores

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    index = load_json(files.index)
    draw_run(
        Path(snakemake.output[0]),
        f"{at.method} {at.variant}, seed {at.seed}",
        Scores.load(files.train),
        Scores.load(files.test),
        index_labels(index),
        Protocol(**job["protocol"]),
        job["weights"],
        lambda clip: open_source(job["source"], at.dataset, "test", clip),
        known=index["labels"]["known"],
    )
    write_listing(
        Path(snakemake.output[0]), map(Path, snakemake.input), snakemake.params.job["code"]
    )
