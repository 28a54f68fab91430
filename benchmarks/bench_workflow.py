"""Planning of a large DAG, and what a job costs before it does anything.

The DAG is the walkway with ShanghaiTech's 330 + 107 clips: six jobs a clip, 2,600 in all. Its peer
is a DAG of as many empty rules that ask nothing of vadbench.
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
datasets: {walkway: {train_clips: 330, test_clips: 107}}
methods: {baselines: {cubes: stc}, hf2vad: {variants: [full], cubes: stc}}
"""
NO_TORCH = {
    "compute_flow": "from vadbench.logs import job_log; from vadbench.artefacts import Identity; "
    "from vadbench.datasets import open_source; import cv2; "
    "from vadbench.teachers.flow import FlowSettings, compute_flow",
    "cut_cubes": "from vadbench.logs import job_log; from vadbench.artefacts import Identity; "
    "from vadbench.datasets import open_source; import cv2; "
    "from vadbench.objects.cubes import CubesSettings, cut_cubes",
    "import vadbench": "import vadbench",
}


def _python(code: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True), 5)


def _dry_run(folder: Path, *options: str) -> float:
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", *options]
    return seconds(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True), 2)


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        empty, ours = Path(name) / "empty", Path(name) / "ours"
        empty.mkdir()
        (empty / "Snakefile").write_text(EMPTY.format(clips=437))
        for item in ("Snakefile", "config.yaml", "workflow"):
            source = PROJECT / item
            copy = shutil.copytree if source.is_dir() else shutil.copy
            ours.mkdir(exist_ok=True)
            copy(source, ours / item)
        (ours / "large.yaml").write_text(CONFIG)
        peer = _dry_run(empty, "--cores", "2")
        found = _dry_run(ours, "--cores", "2", "--configfile", "config.yaml", "large.yaml")
    base = _python("import cv2, h5py")
    return [
        Row("dry run of 2,600 jobs", found, peer, "s", "as many empty rules"),
        Row("dry run of 2,600 jobs, limit", found, 4, "s", "limit set for the project"),
        *(
            Row(f"imports of {what}", _python(code), base, "s", "python, cv2 and h5py")
            for what, code in NO_TORCH.items()
        ),
    ]
