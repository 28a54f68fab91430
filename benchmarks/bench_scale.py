"""A campaign on a cluster before it starts: how long and how much memory its plan takes.

The five methods, each as its paper has it, on UCSD Ped1 and Ped2, CUHK Avenue and ShanghaiTech with
three seeds and the artefacts of `paper.yaml`. Data are placeholders of the published layouts, with
the real numbers of clips, and, of the data sets that are folders of images, of frames; a part of
them, and twice ShanghaiTech's, show how everything grows. Each is a dry run with the Slurm profile,
which also says what would be one submission.

    python benchmarks/run.py scale
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from bench_workflow import copy_project, paper_config, write_shanghaitech
from rows import Row

CLIPS = {"ped1": (34, 36), "ped2": (16, 12), "avenue": (16, 21), "sht": (330, 107)}
"""Training and test clips."""
UCSD_FRAMES = {"ped1": 200, "ped2": 163}
"""Frames of a clip: all of Ped1's, and the mean of Ped2's."""
PARTS = (0.05, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Planned:
    """What a dry run says, and what it took.

    Attributes:
        clips, jobs, submissions: Numbers.
        seconds: Processor time.
        gigabytes: Largest resident memory.
    """

    clips: int
    jobs: int
    submissions: int
    seconds: float
    gigabytes: float


def write_ucsd(root: Path, subset: str, train: int, test: int) -> None:
    """Writes the official layout with frames of one pixel, and masks of half of the test clips."""
    base = root / f"UCSD{subset}"
    frame = cv2.imencode(".tif", np.zeros((1, 1), np.uint8))[1].tobytes()
    for split, count in (("Train", train), ("Test", test)):
        for number in range(1, count + 1):
            folder = base / split / f"{split}{number:03d}"
            folder.mkdir(parents=True)
            for t in range(1, UCSD_FRAMES[subset] + 1):
                (folder / f"{t:03d}.tif").write_bytes(frame)
    lines = ["TestVideoFile = {};"]
    lines += ["TestVideoFile{end+1}.gt_frame = [1:9];" for _ in range(test)]
    (base / "Test" / f"UCSD{subset}.m").write_text("\n".join(lines))


def write_avenue(root: Path, train: int, test: int) -> None:
    """Writes the official layout; the videos are empty files, which nothing opens to plan."""
    base = root / "Avenue_Dataset"
    for split, count in (("training", train), ("testing", test)):
        (base / f"{split}_videos").mkdir(parents=True)
        for number in range(1, count + 1):
            (base / f"{split}_videos" / f"{number:02d}.avi").touch()
    masks = root / "ground_truth_demo/testing_label_mask"
    masks.mkdir(parents=True)
    for number in range(1, test + 1):
        (masks / f"{number}_label.mat").touch()


def campaign() -> dict[str, Any]:
    """The configuration: five methods, four data sets, three seeds."""
    config = paper_config()
    config["datasets"] = {
        "ped1": {"family": "ucsd", "subset": "ped1"},
        "ped2": {"family": "ucsd", "subset": "ped2"},
        "avenue": {"family": "avenue"},
        "sht": {"family": "shanghaitech"},
    }
    del config["methods"]["baselines"]
    for section in config["methods"].values():
        del section["variants"]
    config["methods"]["hf2vad"]["cubes"] = "stc"
    return config


def grid() -> dict[str, Any]:
    """The same with every variant and the baselines."""
    config = paper_config()
    config["datasets"] = campaign()["datasets"]
    stc = dict.fromkeys(config["datasets"], "stc")
    config["methods"]["hf2vad"]["cubes"] = {**stc, "whole_frame": "whole"}
    return config


def plan(part: float, config: dict[str, Any]) -> Planned:
    """Plans a campaign over a part of the clips."""
    with tempfile.TemporaryDirectory() as name:
        project, data = copy_project(Path(name) / "project"), Path(name) / "data"
        counts = {
            key: [max(1, round(min(part, 1.0 if key != "sht" else part) * n)) for n in pair]
            for key, pair in CLIPS.items()
        }
        for subset in UCSD_FRAMES:
            write_ucsd(data, subset, *counts[subset])
        write_avenue(data, *counts["avenue"])
        write_shanghaitech(data, *counts["sht"])
        (project / "config.yaml").write_text(yaml.safe_dump(config))
        text, seconds, gigabytes = _measured(
            [sys.executable, "-m", "snakemake", "-n", "--profile", "workflow/profiles/slurm"],
            project,
            {**os.environ, "VADBENCH_DATA": str(data)},
        )
    lines = text.splitlines()
    groups = sum("] Group job " in line for line in lines)
    # Jobs of a group are indented.
    alone = sum(line.startswith("rule ") for line in lines)
    jobs = sum(line.lstrip().startswith("rule ") for line in lines)
    if not groups or not alone:
        raise RuntimeError(f"not the plan of a cluster's run:\n{text[-2000:]}")
    clips = sum(map(sum, counts.values()))
    return Planned(clips, jobs, groups + alone, seconds, gigabytes)


def _measured(command: list[str], folder: Path, environment: dict[str, str]) -> Any:
    """Runs a command: what it printed, processor seconds and gigabytes."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=printed, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{text[-3000:]}")
    return text, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def measure() -> list[Row]:
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return [Row("plans of a campaign", None, None, "s", "wants pip install -e '.[cluster]'")]
    rows = []
    plans = [(f"{part:g} of the clips", plan(part, campaign())) for part in PARTS]
    for what, found in [*plans, ("every variant", plan(1.0, grid()))]:
        note = f"{found.clips} clips, {found.jobs:,} jobs, {found.submissions:,} submissions"
        rows.append(Row(f"{what}: time", found.seconds, None, "s", note))
        rows.append(Row(f"{what}: memory", found.gigabytes, None, "GB", note))
        each = 1000 * found.seconds / found.jobs
        rows.append(Row(f"{what}: time for each job", each, None, "ms", note))
    return rows
