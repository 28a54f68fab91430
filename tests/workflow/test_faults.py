"""What the machine does to a run: a full or read-only disk, lost files, too many users."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow.conftest import SMALL, Tree
from tests.workflow.test_kills import check_equal
from vadbench.artefacts import file_digest

CUBES = "results/walkway/cubes/stc/train/train01.h5"
FLOW = "results/walkway/flow/farneback/train/train01.h5"


def start(tree: Tree, *options: str, through: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*through, *tree.command(*options)],
        cwd=tree.folder,
        env={**os.environ, "VADBENCH_DATA": "data", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until(what: str, come: object, process: subprocess.Popen[str], seconds: float = 300) -> None:
    """Waits for something to come."""
    end = time.monotonic() + seconds
    while not come():
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < end, f"no {what} came"
        time.sleep(0.02)


def test_a_second_run_in_the_same_tree_is_refused_and_harms_nothing(tree: Tree) -> None:
    before = file_digest(tree.folder / CUBES)
    (tree.folder / CUBES).unlink()
    first = start(tree, CUBES)
    until("lock", lambda: list((tree.folder / ".snakemake/locks").glob("*")), first)
    # It holds its lock for as long as it takes.
    os.killpg(first.pid, signal.SIGSTOP)
    second = tree.run(CUBES, check=False)
    os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode != 0
    text = second.stdout + second.stderr
    assert "Directory cannot be locked. Please make sure that no other Snakemake process" in text
    assert "--unlock" in text
    assert "Traceback" not in text
    assert first.wait(300) == 0
    assert file_digest(tree.folder / CUBES) == before
    assert not tree.planned(CUBES)


@pytest.mark.parametrize(
    "damage",
    ["cut", *(pytest.param(d, marks=pytest.mark.slow) for d in ("folder", "lost", "another's"))],
)
def test_an_input_that_cannot_be_read_is_named_with_what_to_do(tree: Tree, damage: str) -> None:
    path = tree.folder / FLOW
    state = path.stat()
    content = path.read_bytes()
    (tree.folder / CUBES).unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "another's":
        shutil.copy(tree.folder / "results/walkway/objects/both/train/train01.h5", path)
    else:
        path.unlink()
        if damage == "folder":
            path.mkdir()
    if path.exists():
        # Damage of this kind leaves the time alone, so Snakemake sees nothing.
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    result = tree.run(CUBES, check=False)
    text = result.stdout + result.stderr
    if damage == "lost":
        # What is missing is made again.
        assert result.returncode == 0, text
        return
    assert result.returncode != 0
    assert "fault of the program" not in text
    assert str(FLOW) in text
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    tree.run(CUBES)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Tree]:
    """A tree whose results lie on a small file system of their own."""
    tree = Tree(tmp_path / "small")
    place = tree.folder / "results"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", place]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        # Where tests have to prove something, none is left out unnoticed.
        leave = pytest.fail if "CI" in os.environ else pytest.skip
        leave("mounting a file system takes root")
    yield tree
    subprocess.run(["umount", place], check=True)


@pytest.mark.slow
def test_a_run_on_a_full_disk_goes_on_when_there_is_space(disk: Tree, finished: Tree) -> None:
    sizes = [800, 2_000, 4_000]
    for size in sizes:
        subprocess.run(
            ["mount", "-o", f"remount,size={size}k", disk.folder / "results"], check=True
        )
        result = disk.run(check=False)
        text = result.stdout + result.stderr
        if result.returncode == 0:
            break
        assert "No space left on device" in text or "the disk is full" in text
        assert "fault of the program" not in text
    assert size > sizes[0], "it was never full"
    subprocess.run(["mount", "-o", "remount,size=400m", disk.folder / "results"], check=True)
    disk.run()
    check_equal(disk, finished)


@pytest.mark.slow
def test_results_that_are_read_only_stay_as_they_are(disk: Tree, finished: Tree) -> None:
    place = disk.folder / "results"
    subprocess.run(["mount", "-o", "remount,size=400m", place], check=True)
    shutil.copytree(finished.folder / "results", place, dirs_exist_ok=True)
    shutil.copytree(finished.folder / ".snakemake", disk.folder / ".snakemake", dirs_exist_ok=True)
    (disk.folder / CUBES).unlink()
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    result = disk.run(CUBES, check=False)
    assert result.returncode != 0
    assert "Read-only file system" in result.stdout + result.stderr
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    # By its name: nothing that descends from it is missing.
    disk.run(CUBES)
    disk.run()
    check_equal(disk, finished)


@pytest.mark.slow
def test_two_runs_that_are_forced_into_one_tree_end_as_one(tmp_path: Path, finished: Tree) -> None:
    tree = Tree(tmp_path / "project")
    both = [start(tree, "--nolock") for _ in range(2)]
    texts = [process.communicate()[0] for process in both]
    if any(process.returncode for process in both):
        tree.run()
    for text in texts:
        assert "fault of the program" not in text
    check_equal(tree, finished)


LONG = {"epochs": 60, "samples_per_epoch": 32, "batch_size": 8}
WEIGHTS = "results/walkway/hf2vad/full/seed0/flow.safetensors"


@pytest.mark.slow
def test_a_job_that_a_scheduler_stops_is_retried_from_there(tree: Tree) -> None:
    config = {**SMALL, "methods": {"hf2vad": {"cubes": "stc", "settings": {"flow": LONG}}}}
    tree.configure(config)
    tree.run(WEIGHTS)
    whole = (tree.folder / WEIGHTS).read_bytes()
    (tree.folder / WEIGHTS).unlink()
    run = start(tree, "--retries", "1", WEIGHTS)
    checkpoint = tree.folder / Path(WEIGHTS).parent / "training/flow/last.ckpt"
    until("checkpoint", checkpoint.is_file, run)
    owner = (checkpoint.parent / "process.lock").read_text().split()[1]
    os.kill(int(owner), signal.SIGTERM)
    told = time.monotonic()
    until("end", lambda: not Path(f"/proc/{owner}").exists(), run)
    assert time.monotonic() - told < 30  # what Slurm leaves a job by default
    text = run.communicate()[0]
    assert run.returncode == 0, text[-3000:]
    assert "told to stop; started again, it goes on from" in text
    assert ", going on after step " in text
    assert (tree.folder / WEIGHTS).read_bytes() == whole


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """The file that a process enters a control group of little memory and no swap by."""
    groups = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}
    place = next((Path(p) for p in groups if (Path(p) / "cgroup.procs").is_file()), None)
    if place is None:
        pytest.skip("there are no control groups")
    group = place / f"vadbench-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / groups[str(place)]).write_text(str(320 << 20))
    except OSError as error:
        pytest.skip(f"making a control group of one's own takes root ({error})")
    for swap in ("memory.swap.max", "memory.swappiness"):
        if (group / swap).is_file():
            (group / swap).write_text("0")
    yield group / "cgroup.procs"
    group.rmdir()


@pytest.mark.slow
def test_a_job_that_the_kernel_kills_for_its_memory_is_named(
    tree: Tree, little_memory: Path
) -> None:
    shutil.rmtree((tree.folder / WEIGHTS).parent)
    enter = ("sh", "-c", f'echo $$ > {little_memory} && exec "$@"', "sh")
    run = start(tree, WEIGHTS, through=enter)
    text = run.communicate(timeout=300)[0]
    assert run.returncode == 1, text[-3000:]
    assert "Error in rule train" in text
    assert f"failed: train, {WEIGHTS}" in text
    assert "log: logs/train/walkway/hf2vad/full/seed0/flow.log" in text
    assert "it ended before it was done; killed, or out of memory?" in text
    tree.run(WEIGHTS)
