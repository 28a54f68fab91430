from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.audit import audit
    from vadbench.config import load_config
    from vadbench.datasets.index import write_json
    from vadbench.errors import VadbenchError
    from vadbench.plan import Plan

    report = audit([Path("results")], Plan(load_config(snakemake.config)))
    write_json(report.plain(), Path("results/audit.json"))
    if report.findings:
        lines = [f"{finding.path}: {finding.problem}" for finding in report.findings]
        unsound = f"{len(report.unsound)} files are unsound; vadbench audit --fix says what to do"
        raise VadbenchError("\n".join([unsound, *lines]))
