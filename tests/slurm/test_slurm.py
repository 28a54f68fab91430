"""The workflow through a real Slurm, one of whose nodes dies."""

import copy
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.slurm.cluster import Slurm
from tests.workflow.conftest import SMALL, Tree
from vadbench.artefacts import file_digest

pytestmark = pytest.mark.slurm
# The order of sums depends on the number of threads, and so do the last bits of trained weights.
THREADS = ("--max-threads", "1")
PROFILE = (
    *("--profile", "workflow/profiles/slurm", "--default-resources", "slurm_partition=short"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3"),
    *("--latency-wait", "5", *THREADS),
)
SECONDS = 3000


def small() -> dict[str, Any]:
    """The small benchmark, smaller: every submission starts Python three times and more."""
    config = copy.deepcopy(SMALL)
    config["datasets"]["walkway"] |= {"train_clips": 1, "test_clips": 1}
    config["objects"]["both"]["source"] = "instances"
    config["methods"]["hf2vad"]["variants"] = ["no_frame_prediction"]
    return config


def make_tree(folder: Path) -> Tree:
    """A project with that configuration."""
    tree = Tree(folder)
    tree.configure(small())
    return tree


def contents(tree: Tree) -> dict[str, str]:
    """Digest of everything that was computed, by path; the report also shows what was measured."""
    results = tree.folder / "results"
    kinds = (".h5", ".safetensors", ".json", ".csv")
    return {
        path.relative_to(results).as_posix(): file_digest(path)
        for path in sorted(results.rglob("*"))
        if path.suffix in kinds and not {"training", "report"} & set(path.parts)
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
    fields = (
        "JobID",
        "State",
        "NodeList",
        "MinMemory",
        "NumCPUs",
        "TimeLimit",
        "Comment",
        "tres-per-job",
    )
    jobs = {job[0]: job for job in slurm.jobs(*fields)}
    assert jobs[lost][1] == "NODE_FAIL"
    assert jobs[lost][2] == node
    again = [job for job in jobs.values() if job[6] == jobs[lost][6] and job[0] != lost]
    assert [job[1] for job in again] == ["COMPLETED"]
    assert again[0][2] != node
    # The second attempt asks for twice the memory.
    assert (jobs[lost][3], again[0][3]) == ("16000M", "32000M")
    # Both clips' boxes and cubes are one submission, of the size of one of its four jobs.
    (cubes,) = (job for job in jobs.values() if job[6].startswith("rule_cubes"))
    assert cubes[3:6] == ["2000M", "1", "10:00"]

    # What has networks asks for a GPU, and the untrained baselines do not.
    gpus = {job[7] for job in jobs.values() if "hf2vad" in job[6] and "rule_score" in job[6]}
    assert gpus == {"gres:gpu:1"}
    gpus = {job[7] for job in jobs.values() if "baselines" in job[6] and "rule_score" in job[6]}
    assert gpus == {"N/A"}

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
