import tempfile
from functools import partial
from pathlib import Path

from vadbench.logs import job_log

with job_log(snakemake.log[0]):
    from vadbench.artefacts import file_digest
    from vadbench.artefacts.kinds import RECORDS
    from vadbench.datasets import open_source
    from vadbench.datasets.index import load_json, write_json
    from vadbench.methods import ApplyJob, ClipFrames, ScoreJob, get_method
    from vadbench.training.cost import cheapest_clip, count_cost

    job, at, files = snakemake.params.job, snakemake.wildcards, snakemake.input
    method = get_method(at.method)
    records = [load_json(path) for path in files.clips]
    arrays = list(map(Path, files.get(method.reads)))
    number = cheapest_clip(arrays, [record["n_frames"] for record in records])
    record = records[number]
    clip = ClipFrames(
        record["clip"],
        record["n_frames"],
        partial(open_source, job["source"], at.dataset, "test", record["clip"]),
    )
    weights = dict(zip(job["stages"], map(Path, files.weights), strict=True))
    about = {"dataset": at.dataset, "method": at.method, "variant": at.variant, "split": "test"}
    about |= {"seed": job["seed"], "threads": snakemake.threads, "precision": job["precision"]}
    about |= {"cubes": [], "views": []} | {method.reads: [arrays[number]]}

    def work(folder: Path) -> None:
        frozen = None
        if job["frozen"] is not None:
            frozen = folder / "frozen.h5"
            stage = job["frozen"]["stage"]
            method.apply(
                ApplyJob(
                    **about,
                    stage=stage,
                    settings=method.settings_model(**job["frozen"]["settings"]),
                    weights={name: weights[name] for name in job["frozen"]["stages"]},
                    output=frozen,
                )
            )
        method.score(
            ScoreJob(
                **about,
                settings=method.settings_model(**job["settings"]),
                weights=weights,
                clips=[clip],
                output=folder / "scores.h5",
                frozen=frozen,
            )
        )

    with tempfile.TemporaryDirectory() as name:
        found = count_cost(partial(work, Path(name)), clip.n_frames)
    own = {"schema": RECORDS["cost.json"], "clip": clip.name, "frames": clip.n_frames}
    own |= {key: about[key] for key in ("dataset", "method", "variant", "seed")}
    own |= {"settings": job["settings"], "code": job["code"]}
    own["inputs"] = {str(path): file_digest(path) for path in snakemake.input}
    write_json(own | found, Path(snakemake.output[0]))
