"""The workflow through a real Slurm, one of whose nodes dies."""

import copy
import subprocess
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.slurm.cluster import Slurm
from tests.workflow.conftest import SMALL, Tree
from vadbench.artefacts import file_digest

pytestmark = pytest.mark.slurm
# The order of sums depends on the number of threads, and so do the last bits of trained weights.
THREADS = ("--max-threads", "1")
PROFILE = (
    *("--profile", "workflow/profiles/slurm", *THREADS),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3"),
    *("--latency-wait", "5", "--default-resources", "slurm_partition=all"),
)
SECONDS = 3000


def small() -> dict[str, Any]:
    """The small benchmark with one variant, and a data set that lies in VADBENCH_DATA."""
    config = copy.deepcopy(SMALL)
    config["methods"]["hf2vad"]["variants"] = ["full"]
    config["datasets"]["own"] = {"family": "folder", "path": "own"}
    config["objects"]["moving"] = {"source": "motion"}
    config["cubes"]["own"] = {"objects": "moving", "flow": "farneback"}
    config["methods"]["hf2vad"]["datasets"] = ["walkway"]
    config["methods"]["baselines"]["cubes"] = {"walkway": "stc", "own": "own"}
    return config


def make_tree(folder: Path) -> Tree:
    """A project with the small benchmark and two short clips of a moving square."""
    tree = Tree(folder)
    tree.configure(small())
    for split in ("train", "test"):
        frames = tree.folder / "data/own" / split / "square"
        frames.mkdir(parents=True)
        for t in range(12):
            image = np.full((96, 144), 90, np.uint8)
            image[30:60, 10 + 6 * t : 30 + 6 * t] = 200
            cv2.imwrite(str(frames / f"{t:03d}.png"), image)
    return tree


def contents(tree: Tree) -> dict[str, str]:
    """Digest of everything that was computed, by path."""
    results = tree.folder / "results"
    kinds = (".h5", ".safetensors", ".json", ".csv")
    return {
        path.relative_to(results).as_posix(): file_digest(path)
        for path in sorted(results.rglob("*"))
        if path.suffix in kinds and "training" not in path.parts
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the same configuration makes without a cluster."""
    tree = make_tree(tmp_path_factory.mktemp("local") / "project")
    tree.run(*THREADS)
    return contents(tree)


def test_a_run_loses_a_node_and_ends_with_the_same_results(
    slurm: Slurm, local: dict[str, str], documented_environment: dict[str, str], tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "project")
    command = [item for item in tree.command(*PROFILE) if item not in {"--cores", "2"}]
    with open(tmp_path / "log", "w") as log:
        run = subprocess.Popen(
            command, cwd=tree.folder, env=documented_environment, stdout=log, stderr=log
        )
    try:
        node, lost = kill_the_node_of(slurm, "rule_train", run)
        run.wait(SECONDS)
    finally:
        if run.poll() is None:
            run.kill()
            run.wait()
    said = (tmp_path / "log").read_text()
    assert run.returncode == 0, said[-6000:]

    assert contents(tree) == local
    fields = ("JobID", "State", "NodeList", "MinMemory", "NumCPUs", "TimeLimit", "Comment")
    jobs = {job[0]: job for job in slurm.jobs(*fields)}
    assert jobs[lost][1] == "NODE_FAIL"
    assert jobs[lost][2] == node
    again = [job for job in jobs.values() if job[6] == jobs[lost][6] and job[0] != lost]
    assert [job[1] for job in again] == ["COMPLETED"]
    assert again[0][2] != node
    # The second attempt asks for twice the memory.
    assert (jobs[lost][3], again[0][3]) == ("16000M", "32000M")
    # One submission computes the flow of all six clips.
    assert len([job for job in jobs.values() if job[6] == "rule_flow"]) == 1, jobs
    assert len(list((tree.folder / "results").glob("*/flow/farneback/*/*.h5"))) == 6

    assert not list((tree.folder / "logs/slurm").rglob(f"{again[0][0]}.log"))
    assert list((tree.folder / "logs/slurm").rglob(f"{lost}.log"))
    assert (tree.folder / "logs/train/walkway/hf2vad/full/seed0/flow.log").is_file()
    assert not tree.planned(*THREADS)


def kill_the_node_of(
    slurm: Slurm, comment: str, run: subprocess.Popen[bytes] | subprocess.Popen[str]
) -> tuple[str, str]:
    """Waits for a job that a node has been running for some seconds, and kills the node.

    Returns:
        The node and the job.
    """
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and run.poll() is None:
        for job, state, node, about in slurm.jobs("JobID", "State", "NodeList", "Comment"):
            if state == "RUNNING" and about.startswith(comment):
                time.sleep(2)
                slurm.kill_node(node)
                return node, job
        time.sleep(0.5)
    raise AssertionError(f"no job {comment} ran; squeue: {slurm.jobs('JobID', 'State', 'Comment')}")
