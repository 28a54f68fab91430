from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts.facts import write_listing
    from vadbench.report.summary import summarise, write_short_tables
    from vadbench.report.table import collect, collect_events, collect_protocols, write_table

    job, files = snakemake.params.job, snakemake.input
    table = collect(
        list(map(Path, files.metrics)),
        list(map(Path, files.indices)),
        job["settings"]["papers"],
        job["settings"]["paper_names"],
    )
    write_table(table, Path(snakemake.output.table))
    summary = summarise(table)
    write_short_tables(summary, Path(snakemake.output.markdown), Path(snakemake.output.latex))
    write_table(summary, Path(snakemake.output.summary))
    protocols = collect_protocols(list(map(Path, files.metrics)))
    write_table(protocols, Path(snakemake.output.protocols))
    write_table(collect_events(list(map(Path, files.metrics))), Path(snakemake.output.events))
    write_listing(
        Path(snakemake.output.listing).parent, map(Path, files), job["code"], job["settings"]
    )
