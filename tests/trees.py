"""Generated results trees: real files of every kind that the report reads, without any training."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from vadbench.artefacts import ArtefactWriter, Identity, file_digest
from vadbench.config import load_config
from vadbench.datasets import Labels
from vadbench.datasets.index import build_index, index_labels, load_json, write_json
from vadbench.jobs import Jobs
from vadbench.plan import Plan, Run
from vadbench.report.thumbnails import draw_sheets
from vadbench.scoring.decision import decide
from vadbench.scoring.evaluate import evaluate_run, protocol_matrix
from vadbench.scoring.events import find_events, threshold
from vadbench.scoring.scores import Scores
from vadbench.status import _record_name

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"
TRAIN_FRAMES = 200
MOMENT = 1_700_000_000.0
SIZES: dict[str, list[int]] = {
    "ped1": [200] * 36,
    "ped2": [180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180],
    "avenue": [
        *(1439, 1211, 923, 947, 1007, 1283, 605, 36, 1175, 841, 472, 1271, 549, 507, 1001, 740),
        *(426, 294, 248, 273, 76),
    ],
    "shanghaitech": [40_791 // 107 + (n < 40_791 % 107) for n in range(107)],
}
"""Frames of the test clips, at real sizes (of ShanghaiTech their sum)."""
TRAIN_CLIPS = {"ped1": 34, "ped2": 16, "avenue": 16, "shanghaitech": 330}
"""Training clips where a tree is whole; elsewhere there are two."""
OBJECTS = {"hf2vad", "amsrc", "baselines"}
COMPONENTS = {
    "hf2vad": ("flow_reconstruction", "frame_prediction"),
    "amsrc": ("feature_inconsistency", "prediction_error"),
    "flow_duality": ("negative_psnr",),
    "object_class_aware": ("appearance", "motion"),
    "multitask_attention": ("appearance", "motion"),
    "baselines": ("box_count", "flow_magnitude"),
}
SETTINGS = {
    "object_class_aware": {"encoder_weights": "none"},
    "multitask_attention": {"appearance_weights": "none", "motion_weights": "none"},
}
"""Of methods that start from published weights, which need not be there."""


def config_of(
    datasets: Sequence[str], methods: Sequence[str], seeds: Sequence[int], **more: Any
) -> dict[str, Any]:
    """A configuration of published data sets; nothing of it has to lie anywhere."""
    sections = {
        "ped1": {"family": "ucsd", "subset": "ped1"},
        "ped2": {"family": "ucsd", "subset": "ped2"},
        "avenue": {"family": "avenue"},
        "shanghaitech": {"family": "shanghaitech"},
    }
    return {
        "datasets": {
            name: sections.get(name, {"family": "folder", "path": name}) for name in datasets
        },
        "segmentation": {"own": {"backend": "motion"}},
        "flow": {"farneback": {"backend": "farneback"}},
        "depth": {},
        "objects": {"both": {"source": "motion"}},
        "cubes": {"stc": {"objects": "both", "flow": "farneback"}},
        "views": {"small": {"size": 64, "flow": "farneback", "segmentation": "own"}},
        "methods": {
            name: {"cubes" if name in OBJECTS else "views": "stc" if name in OBJECTS else "small"}
            | ({"settings": SETTINGS[name]} if name in SETTINGS else {})
            for name in methods
        },
        "seeds": list(seeds),
    } | more


class Noise:
    """A clip of moving stripes."""

    def __init__(self, n_frames: int, height: int = 48, width: int = 64) -> None:
        self.n_frames, self.height, self.width, self.channels = n_frames, height, width, 3

    def frame(self, t: int) -> np.ndarray:
        wave = 128 + 100 * np.sin((np.arange(self.width) + t) / 5)
        return np.broadcast_to(wave[None, :, None], (self.height, self.width, 3)).astype(np.uint8)


def make_index(
    dataset: str, lengths: Mapping[str, int], folder: Path, train: Sequence[str] = ("a", "b")
) -> None:
    """Writes an index of test clips with a third of each abnormal, and of training clips."""
    about = {"height": 48, "width": 64, "channels": 3, "fps": None}
    records = {
        split: [
            {"clip": name, "n_frames": count, "frames_sha256": f"{number:064x}"} | about
            for number, (name, count) in enumerate(clips.items())
        ]
        for split, clips in (("train", dict.fromkeys(train, TRAIN_FRAMES)), ("test", lengths))
    }
    vectors = {}
    for name, count in lengths.items():
        vectors[name] = np.zeros(count, np.uint8)
        vectors[name][count // 3 : 2 * count // 3] = 1
    labels = Labels(f"{dataset}/labels.mat", "ab" * 32, vectors)
    write_json(build_index(dataset, "folder", 25.0, records, labels), folder / "index.json")


def make_sources(plan: Plan, indices: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes what scores are computed from: checked clips, cubes or views of no size, weights."""
    for run in plan.runs:
        for split, records in indices[run.dataset]["clips"].items():
            checked = map(Path, plan.split_clips(run.dataset, split))
            ((kind, files),) = plan.run_inputs(run, split).items()
            for record, clip, file in zip(records, checked, map(Path, files), strict=True):
                if not clip.is_file():
                    write_json(record, clip)
                if not file.is_file():
                    make_clip(file, kind, Identity(run.dataset, split, record["clip"]), clip)
        about = {"method": run.method, "variant": run.variant, "seed": run.seed}
        inputs = {file: known_digest(file) for file in files_of(plan, run, "train")}
        facts = {"vadbench": json.dumps(about | {"settings": {}, "inputs": inputs})}
        for file in map(Path, plan.weights(run)):
            file.parent.mkdir(parents=True, exist_ok=True)
            save_file({"weight": np.zeros(4, np.float32)}, file, facts)


def make_clip(path: Path, kind: str, identity: Identity, clip: Path) -> None:
    """Writes cubes of no objects, or views of next to no size."""
    count = load_json(clip)["n_frames"]
    with ArtefactWriter(path, kind, identity, count, settings={}, inputs=[clip]) as writer:
        if kind == "cubes":
            writer.put("frame_offsets", np.zeros(count + 1))
            writer.put("boxes", np.zeros((0, 4)))
            writer.put("frames", np.zeros((0, 5, 3, 32, 32)))
            writer.put("flow", np.zeros((0, 5, 2, 32, 32)))
        else:
            writer.put("frames", np.zeros((count, 2, 2, 3)))


def files_of(plan: Plan, run: Run, split: str) -> list[str]:
    """The cubes or views of a split that a run reads."""
    ((_, files),) = plan.run_inputs(run, split).items()
    return files


def known_digest(file: str) -> str:
    """Digest of a file that no test changes."""
    return _known_digest(Path(file).absolute())


_known_digest = cache(file_digest)


def make_records(plan: Plan) -> None:
    """Writes Snakemake's records of all that metrics descend from, as if made in one moment."""
    for job in Jobs(plan, [plan.metrics(run) for run in plan.runs]):
        content = json.dumps(
            {"input": sorted(job.inputs), "params": [repr(item) for item in job.params]}
        )
        for path in job.outputs:
            record = Path(".snakemake/metadata") / _record_name(path)
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(content)
    for path in Path("results").rglob("*"):
        os.utime(path, (MOMENT, MOMENT))


def make_scores(
    plan: Plan,
    run: Run,
    index: Mapping[str, Any],
    labels: Mapping[str, np.ndarray],
    *,
    whole: bool = False,
) -> None:
    """Writes scores that are higher in abnormal frames, and weights' worth of attributes."""
    rng = np.random.default_rng([run.seed, len(run.method), len(run.dataset)])
    for split, path in plan.scores(run).items():
        records = index["clips"][split]
        lengths = [record["n_frames"] for record in records]
        frames = sum(lengths)
        truth = np.zeros(frames)
        if split == "test":
            truth = np.concatenate([labels[record["clip"]] for record in records]).astype(float)
        names = [record["clip"] for record in records]
        if run.method in OBJECTS:
            counts = rng.integers(0, 8, frames)
            values = {
                name: np.repeat(truth, counts) + rng.gamma(2.0, 0.7, counts.sum())
                for name in COMPONENTS[run.method]
            }
            offsets = np.concatenate([[0], np.cumsum(counts)])
            boxes = rng.uniform(0, 40, (counts.sum(), 4)).astype(np.float32)
            scores = Scores(names, np.cumsum([0, *lengths]), offsets, boxes, values)
        else:
            values = {name: truth + rng.gamma(2.0, 0.7, frames) for name in COMPONENTS[run.method]}
            scores = Scores.of_frames(names, lengths, values)
        job = plan.score_params(run)
        settings = {"method": run.method, "variant": run.variant, "seed": run.seed}
        scores.save(
            Path(path),
            Identity(run.dataset, split),
            settings=settings | job["settings"],
            inputs=[*plan.weights(run), *files_of(plan, run, split)] if whole else (),
            code=job["code"],
        )


def make_metrics(
    plan: Plan, run: Run, index: Mapping[str, Any], labels: Mapping[str, np.ndarray]
) -> None:
    """Writes what the rule `evaluate` would."""
    job, paths = plan.evaluate_params(run), plan.scores(run)
    train, test = Scores.load(paths["train"]), Scores.load(paths["test"])
    both, protocols, weights = {"last": (train, test)}, plan.protocols(run), job["weights"]
    every = plan.protocols(run, every=True)
    records = evaluate_run(both, labels, protocols, weights)
    limit, events, decisions = None, [], {}
    if weights:
        chosen = (plan.own_protocol(run), weights)
        limit = threshold(train, *chosen, 0.01)
        decisions["last"], found = decide(train, test, labels, *chosen, 0.01)
        about = {"selection": "last", "protocol": job["default_protocol"], "score": "fused"}
        records += [about | item for item in found]
        events = [event.record(25.0) for event in find_events(train, test, *chosen, limit, 25)]
    about = {"dataset": run.dataset, "method": run.method, "variant": run.variant}
    content = {
        "schema": 3,
        "seed": run.seed,
        "budget": job["budget"],
        "default_protocol": job["default_protocol"],
        "labels": {key: index["labels"][key] for key in ("known", "source", "sha256")},
        "threshold": {"score": limit, "false_positive_rate": 0.01},
        "decisions": decisions,
        "events": events,
        "scores": {"last": file_digest(paths["test"])},
        "records": records,
        "matrix": protocol_matrix(both, labels, every, weights),
    }
    write_json(about | content, Path(plan.metrics(run)))


def make_panels(plan: Plan, run: Run, clip: str) -> None:
    """Writes two pictures with their artefact."""
    import cv2

    folder = Path(run.folder)
    with ArtefactWriter(
        folder / "panels.h5", "panels", Identity(run.dataset, "test"), 2, settings={}
    ) as out:
        out.put("clips", [clip, clip])
        out.put("frames", [5, 9])
        out.put("frame_scores", [2.0, 0.1])
        out.put("labels", [1, 0])
        out.put("boxes", np.zeros((2, 4)))
    (folder / "panels").mkdir(exist_ok=True)
    for number in (1, 2):
        picture = Noise(1, 96, 320).frame(7 * number)
        cv2.imwrite(str(folder / f"panels/{number:02d}_clip_{number:04d}.png"), picture)


def write_raw(
    config: Mapping[str, Any],
    sizes: Mapping[str, Mapping[str, int]],
    train: Mapping[str, Sequence[str]],
) -> None:
    """Writes what the folder of a data set has to hold to be listed.

    A clip of a published data set has an empty file for each frame, another one a picture.
    """
    import cv2

    for dataset, lengths in sizes.items():
        published = config["datasets"][dataset]["family"] != "folder"
        splits = ("training/frames", "testing/frames") if published else ("train", "test")
        clips = (dict.fromkeys(train[dataset], TRAIN_FRAMES), lengths)
        for split, counts in zip(splits, clips, strict=True):
            for clip, count in counts.items():
                folder = Path("data") / dataset / split / clip
                folder.mkdir(parents=True)
                if published:
                    for t in range(count):
                        (folder / f"{t:04d}.jpg").touch()
                else:
                    cv2.imwrite(str(folder / "000.png"), Noise(1).frame(0))


def make_tree(
    config: Mapping[str, Any],
    sizes: Mapping[str, Mapping[str, int]],
    *,
    pictures: bool = False,
    raw: bool = False,
    whole: bool = False,
    leave_out: Callable[[Run], bool] | None = None,
) -> Plan:
    """Writes a results tree below the current folder.

    Args:
        config: The configuration.
        sizes: Frames of the test clips by data set and clip.
        pictures: Draw thumbnails and panels, too.
        raw: Write folders of raw clips.
        whole: Write them, and all that scores are computed from, with the records of Snakemake, so
            that nothing is stale.
        leave_out: Runs to leave without any file.
    """
    plan = Plan(load_config(config), Path("data"), SCRIPTS)
    train = {name: ["a", "b"] for name in sizes}
    if whole:
        train |= {
            name: [f"{number:03d}" for number in range(count)]
            for name, count in TRAIN_CLIPS.items()
            if name in sizes
        }
    if raw or whole:
        write_raw(config, sizes, train)
    indices = {}
    for dataset, lengths in sizes.items():
        folder = Path(f"results/{dataset}")
        make_index(dataset, lengths, folder, train[dataset])
        indices[dataset] = load_json(folder / "index.json")
        if pictures:
            clips = {name: (lambda n=count: Noise(n)) for name, count in lengths.items()}
            draw_sheets(folder / "thumbnails", clips, lambda name: None)
    if whole:
        make_sources(plan, indices)
    for run in plan.runs:
        if leave_out is not None and leave_out(run):
            continue
        index = indices[run.dataset]
        labels = index_labels(index)
        make_scores(plan, run, index, labels, whole=whole)
        make_metrics(plan, run, index, labels)
        if pictures and run.seed == 0 and run.method != "baselines":
            make_panels(plan, run, next(iter(sizes[run.dataset])))
    if whole:
        make_records(plan)
    return plan
