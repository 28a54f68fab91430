"""Planning of a large DAG, and what a job costs before it does anything.

The DAG is the walkway with ShanghaiTech's 330 + 107 clips: six jobs a clip, 2,600 in all. Its peer
is a DAG of as many empty rules that ask nothing of vadbench. Both are planned before anything is
made, and when all is made: then Snakemake compares every job with its record and finds nothing to
do. The files are empty ones there, marked as made by `snakemake --touch`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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


def _dry_run(folder: Path, *options: str) -> float:
    return seconds(lambda: _snakemake(folder, "-n", "--quiet", "all", *options), 2)


def _finish(folder: Path, *options: str) -> None:
    """Makes every file of the workflow, empty, and has Snakemake record it as made."""
    for line in _snakemake(folder, "--summary", *options).splitlines()[1:]:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in {"curves", "panels"}:
            path.mkdir()
            (path / ".snakemake_timestamp").touch()
        else:
            path.touch()
    # As many cores as jobs: with two, the scheduler would weigh thousands of jobs a thousand times.
    _snakemake(folder, "--touch", "--no-hooks", "--scheduler", "greedy", *options, cores=10_000)
    left = _snakemake(folder, "-n", *options)
    if "Nothing to be done" not in left:
        raise RuntimeError(f"{folder}: not a finished workflow:\n{left[-2000:]}")


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        empty, ours = Path(name) / "empty", Path(name) / "ours"
        empty.mkdir()
        (empty / "Snakefile").write_text(EMPTY.format(clips=437))
        for item in ("Snakefile", "workflow", "envs"):
            source = PROJECT / item
            copy = shutil.copytree if source.is_dir() else shutil.copy
            ours.mkdir(exist_ok=True)
            copy(source, ours / item)
        (ours / "profiles").symlink_to("workflow/profiles")
        (ours / "large.yaml").write_text(CONFIG)
        large = ("--configfile", "large.yaml")
        first_peer, first = _dry_run(empty), _dry_run(ours, *large)
        _finish(empty)
        _finish(ours, *large)
        peer, found = _dry_run(empty), _dry_run(ours, *large)
    base = _python("import cv2, h5py")
    return [
        Row("dry run of 2,600 jobs, nothing made", first, first_peer, "s", "as many empty rules"),
        Row("dry run of 2,600 jobs, all made", found, peer, "s", "as many empty rules"),
        Row("dry run of 2,600 jobs, all made: limit", found, 4, "s", "limit set for the project"),
        *(
            Row(f"imports of {what}", _python(code), base, "s", "python, cv2 and h5py")
            for what, code in NO_TORCH.items()
        ),
    ]
