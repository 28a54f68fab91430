"""Planning of a large DAG, and what a job costs before it does anything.

One DAG is the walkway with ShanghaiTech's 330 + 107 clips: six jobs a clip, 2,600 in all. Its peer
is a DAG of as many empty rules that ask nothing of vadbench. The other is a generated ShanghaiTech
as published, of the same number of clips and test frames but tiny, with the artefacts of
`paper.yaml` and every method as its paper has it. Each is planned before anything is made, and when
all is made: then Snakemake compares every job with its record and finds nothing to do. The files
are empty ones there, marked as made by `snakemake --touch`.

Time is that of the processor, so that whatever else runs on the machine counts less.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from rows import Row, seconds

PROJECT = Path(__file__).parents[1]
EMPTY = """
CLIPS = range({clips})
rule all:
    input: expand("f/{{i}}", i=CLIPS)
rule a:
    output: "a/{{i}}"
    shell: "touch {{output}}"
rule b:
    input: "a/{{i}}"
    output: "b/{{i}}"
    shell: "touch {{output}}"
rule c:
    input: "b/{{i}}"
    output: "c/{{i}}"
    shell: "touch {{output}}"
rule d:
    input: "b/{{i}}"
    output: "d/{{i}}"
    shell: "touch {{output}}"
rule e:
    input: "b/{{i}}", "c/{{i}}"
    output: "e/{{i}}"
    shell: "touch {{output}}"
rule f:
    input: "d/{{i}}", "e/{{i}}"
    output: "f/{{i}}"
    shell: "touch {{output}}"
"""
CONFIG = """
datasets: {walkway: {family: walkway, train_clips: 330, test_clips: 107}}
segmentation: {annotations: {backend: annotations}}
flow: {farneback: {backend: farneback}}
objects: {instances: {source: instances, segmentation: annotations}}
cubes: {stc: {objects: instances, flow: farneback}}
methods: {baselines: {cubes: stc}, hf2vad: {variants: [full], cubes: stc}}
"""
NO_TORCH = {
    "compute_flow": "from vadbench.logs import job_log; from vadbench.artefacts import Identity; "
    "from vadbench.datasets import open_source, ucsd; import cv2; "
    "from vadbench.plain import PlainSettings; from vadbench.teachers.flow import compute_flow",
    "cut_cubes": "from vadbench.logs import job_log; from vadbench.artefacts import Identity; "
    "from vadbench.datasets import open_source, ucsd; import cv2; "
    "from vadbench.plain import PlainSettings; from vadbench.objects.cubes import cut_cubes",
    "import vadbench": "import vadbench",
}


def _python(code: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True), 5)


def _snakemake(folder: Path, *options: str, cores: int = 2) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *options]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def _processor_seconds(function: Callable[[], object], repeats: int = 2) -> float:
    """Least processor time of the processes that a call starts, after one call to warm up."""
    function()
    best = float("inf")
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        function()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, spent)
    return best


def _dry_run(folder: Path, *options: str) -> float:
    return _processor_seconds(lambda: _snakemake(folder, "-n", "--quiet", "all", *options))


def _status(folder: Path, config: Path) -> None:
    command = [sys.executable, "-m", "vadbench", "status", "--json", "--config", str(config)]
    text = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    if json.loads(text)["reruns"]:
        raise RuntimeError(f"{folder}: not a finished workflow: {text[-2000:]}")


def copy_project(folder: Path) -> Path:
    """A copy of the workflow."""
    folder.mkdir()
    for item in ("Snakefile", "workflow", "envs"):
        source = PROJECT / item
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / item)
    (folder / "profiles").symlink_to("workflow/profiles")
    return folder


def write_shanghaitech(root: Path, videos_in_all: int = 330, folders: int = 107) -> None:
    """Writes ShanghaiTech's layout: 13 scenes, 330 videos, 107 folders of 40,791 frames, masks."""
    base = root / "shanghaitech"
    videos, frames, masks = (
        base / part for part in ("training/videos", "testing/frames", "testing/test_frame_mask")
    )
    for folder in (videos, frames, masks):
        folder.mkdir(parents=True)
    image = np.zeros((12, 16, 3), np.uint8)
    first = videos / "01_001.avi"
    writer = cv2.VideoWriter(str(first), cv2.VideoWriter.fourcc(*"MJPG"), 24, (16, 12))
    for _ in range(3):
        writer.write(image)
    writer.release()
    for number in range(1, videos_in_all):
        shutil.copyfile(first, videos / f"{number % 13 + 1:02d}_{number // 13 + 1:03d}.avi")
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    for number in range(folders):
        clip = f"{number % 13 + 1:02d}_{14 + number:04d}"
        count = 40_791 // 107 + (number < 40_791 % 107)
        (frames / clip).mkdir()
        for t in range(count):
            (frames / clip / f"{t:03d}.jpg").write_bytes(jpeg)
        np.save(masks / f"{clip}.npy", (np.arange(count) > 200).astype(np.int8))


def paper_config() -> dict[str, Any]:
    """Returns `paper.yaml` without what nobody generates: boxes of VEC, and weights."""
    config: dict[str, Any] = yaml.safe_load((PROJECT / "workflow/configs/paper.yaml").read_text())
    config["objects"]["vec"] = {"source": "motion"}
    config["flow"] = {name: {"backend": "farneback"} for name in config["flow"]}
    config["methods"]["object_class_aware"]["settings"] = {"encoder_weights": "none"}
    config["methods"]["multitask_attention"]["settings"] = {
        "appearance_weights": "none",
        "motion_weights": "none",
    }
    return config


def _shanghaitech_config(path: Path) -> None:
    """Writes `paper.yaml` for ShanghaiTech: all artefacts, each method itself, one seed."""
    config = paper_config()
    config["datasets"] = {"sht": {"family": "shanghaitech"}}
    config["seeds"] = [0]
    for section in config["methods"].values():
        section.pop("variants", None)
    config["methods"]["hf2vad"] = {
        "variants": ["full", "whole_frame"],
        "cubes": {"sht": "stc", "whole_frame": "whole"},
    }
    path.write_text(yaml.safe_dump(config))


def _finish(folder: Path, *options: str) -> None:
    """Makes every file of the workflow, empty, and has Snakemake record it as made."""
    for line in _snakemake(folder, "--summary", *options).splitlines()[1:]:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in {"curves", "panels", "thumbnails", "report"}:
            path.mkdir()
            (path / ".snakemake_timestamp").touch()
        else:
            path.touch()
    # As many cores as jobs: with two, the scheduler would weigh thousands of jobs a thousand times.
    # All of them: a job that has its files but no record is not compared at all.
    touch = ("--touch", "--forceall", "--no-hooks", "--scheduler", "greedy")
    _snakemake(folder, *touch, *options, cores=10_000)
    left = _snakemake(folder, "-n", *options)
    if "Nothing to be done" not in left or "missing provenance" in left:
        raise RuntimeError(f"{folder}: not a finished workflow:\n{left[-2000:]}")


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name) / "empty"
        empty.mkdir()
        (empty / "Snakefile").write_text(EMPTY.format(clips=437))
        ours, campus = copy_project(Path(name) / "ours"), copy_project(Path(name) / "campus")
        (ours / "large.yaml").write_text(CONFIG)
        large = ("--configfile", "large.yaml")
        write_shanghaitech(Path(name) / "data")
        os.environ["VADBENCH_DATA"] = str(Path(name) / "data")
        _shanghaitech_config(campus / "campus.yaml")
        whole = ("--configfile", "campus.yaml")
        first_peer, first = _dry_run(empty), _dry_run(ours, *large)
        first_campus = _dry_run(campus, *whole)
        _finish(empty)
        _finish(ours, *large)
        _finish(campus, *whole)
        peer, found = _dry_run(empty), _dry_run(ours, *large)
        found_campus = _dry_run(campus, *whole)
        status = _processor_seconds(lambda: _status(campus, campus / "campus.yaml"))
    base = _python("import cv2, h5py")
    return [
        Row("dry run of 2,600 jobs, nothing made", first, first_peer, "s", "as many empty rules"),
        Row("dry run of 2,600 jobs, all made", found, peer, "s", "as many empty rules"),
        Row("dry run of 2,600 jobs, all made: limit", found, 4, "s", "limit set for the project"),
        Row(
            "ShanghaiTech's tree, nothing made", first_campus, 10, "s", "limit set for the project"
        ),
        Row("ShanghaiTech's tree, all made", found_campus, 6, "s", "limit set for the project"),
        Row("vadbench status of it", status, found_campus, "s", "snakemake -n"),
        *(
            Row(f"imports of {what}", _python(code), base, "s", "python, cv2 and h5py")
            for what, code in NO_TORCH.items()
        ),
    ]
