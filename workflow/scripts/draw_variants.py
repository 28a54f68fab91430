import json
from contextlib import ExitStack
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]), ExitStack() as stack:
    from vadbench.artefacts import open_artefact
    from vadbench.artefacts.facts import write_listing
    from vadbench.report.panels import draw_variants

    at, files, variants = snakemake.wildcards, snakemake.input, {}
    for kinds, metrics in zip(files.kinds, files.metrics, strict=True):
        run = json.loads(Path(metrics).read_text())
        (auc,) = (
            record["value"]
            for record in run["records"]
            if record["metric"] == "auc_micro"
            and record["protocol"] == run["default_protocol"]
            and (record["score"], record["selection"]) == ("fused", "last")
        )
        words = f"{run['variant']}\nAUC {100 * auc:.1f}"
        variants[words] = stack.enter_context(open_artefact(kinds, "panels"))
    draw_variants(
        Path(snakemake.output[0], "variants.png"),
        f"{at.method} on {at.dataset}, seed {at.seed}",
        variants,
    )
    write_listing(
        Path(snakemake.output[0]), map(Path, snakemake.input), snakemake.params.job["code"]
    )
