"""What exactly an edit makes stale, held against Snakemake's own dry run and `vadbench status`."""

import json
import os
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.workflow.conftest import Tree
from vadbench.config import read_config_file
from vadbench.errors import VadbenchError
from vadbench.plan import Plan
from vadbench.status import State, Status, survey

CONFIG = {
    "datasets": {"own": {"family": "folder", "path": "own", "labels": "labels.csv"}},
    "segmentation": {"rcnn": {"backend": "maskrcnn", "maskrcnn": {"weights": "data/rcnn.pth"}}},
    "flow": {"farneback": {"backend": "farneback"}},
    "objects": {"both": {"source": "instances", "segmentation": "rcnn"}},
    "cubes": {"stc": {"objects": "both", "flow": "farneback"}},
    "methods": {
        "hf2vad": {"variants": ["full"], "cubes": "stc"},
        "amsrc": {"cubes": "stc"},
        "baselines": {"cubes": "stc"},
    },
    "seeds": [0],
    "budget": "cpu-demo",
    "panels": {"frames": 0},
}
FARNEBACK = "src/vadbench/teachers/flow/farneback.py"
EVALUATED = {"evaluate": 3, "draw_curves": 3, "tabulate": 1, "build_report": 1}
# Of one method, whatever is trained of it.
ONE = {"score": 2, "evaluate": 1, "draw_curves": 1, "tabulate": 1}
ONE |= {"count_cost": 1, "build_report": 1}
# HF2-VAD's three stages, the second on what the frozen first makes of training clips, and AMSRC's.
TRAINED = {"train": 4, "apply_frozen": 1}
ON_CUBES = {"cut_cubes": 2, **TRAINED, "score": 6, "count_cost": 2, **EVALUATED}


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A finished project with a library of its own; but for clips and index, files are empty."""
    tree = Tree(tmp_path_factory.mktemp("staleness") / "project")
    tree.copy_library()
    rng = np.random.default_rng(0)
    for clip in ("train/a", "test/b"):
        folder = tree.folder / "data/own" / clip
        folder.mkdir(parents=True)
        for number in range(6):
            frame = rng.integers(0, 255, (24, 32, 3), np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), frame)
    (tree.folder / "data/own/labels.csv").write_text("clip,first,last\nb,2,3\n")
    (tree.folder / "data/rcnn.pth").write_bytes(b"weights")
    tree.configure(CONFIG)
    tree.run("results/own/index.json")
    for line in tree.run("--summary").stdout.splitlines()[1:]:
        path = tree.folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in {"curves", "thumbnails", "report"}:
            path.mkdir()
            (path / ".snakemake_timestamp").touch()
        elif not path.exists():
            path.touch()
    tree.run("--touch", "--forceall", "--no-hooks", "--scheduler", "greedy")
    assert not tree.planned()
    return tree


@contextmanager
def edited(path: Path, edit: Callable[[bytes], bytes]) -> Iterator[None]:
    before, times = path.read_bytes(), path.stat()
    path.write_bytes(edit(before))
    assert path.read_bytes() != before
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(old: str, new: str) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return edit


def after(text: str) -> Callable[[bytes], bytes]:
    return lambda content: content + text.encode()


def flip(content: bytes) -> bytes:
    """Another content of the same length that is still a picture."""
    image = 255 - cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".png", image)[1].tobytes()


CASES = {
    "a comment": (FARNEBACK, after("# a comment\n"), {}),
    "a docstring": (
        "src/vadbench/networks/memory.py",
        replace('"""Memory module of', '"""A memory module of'),
        {},
    ),
    "a log line": (
        "src/vadbench/training/data.py",
        replace('"%d of %d samples"', '"%d samples of %d"'),
        {},
    ),
    "what a setting is described by": (
        "src/vadbench/training/settings.py",
        replace('description="', 'description="that is, '),
        {},
    ),
    "how a training says how far it is": (
        "src/vadbench/training/progress.py",
        replace("self._last < 60", "self._last < 30"),
        {},
    ),
    "plumbing": ("src/vadbench/logs.py", after("NEW = 1\n"), {}),
    "a comment in a script": ("workflow/scripts/train.py", after("# a comment\n"), {}),
    "a statement in a script": (
        "workflow/scripts/evaluate.py",
        replace('"budget": job["budget"]', '"budget": str(job["budget"])'),
        EVALUATED,
    ),
    "a network layer of one method": (
        "src/vadbench/methods/amsrc/networks.py",
        replace("nn.Conv2d(", "nn.LazyConv2d("),
        {"train": 1, **ONE},
    ),
    "the score of one method": (
        "src/vadbench/methods/amsrc/score.py",
        replace('"prediction_error": squared', '"prediction_error": 2 * squared'),
        ONE,
    ),
    "how every method scores": (
        "src/vadbench/training/scoring.py",
        replace("values.double()", "values.float()"),
        {"score": 4, "evaluate": 2, "draw_curves": 2, "tabulate": 1}
        | {"count_cost": 2, "build_report": 1},
    ),
    "pictures, where none are asked for": (
        "src/vadbench/training/panels.py",
        replace("if share >= 1:", "if share > 1:"),
        {},
    ),
    "a shared block": (
        "src/vadbench/networks/blocks.py",
        replace("padding=1", "padding=2"),
        TRAINED
        | {"score": 4, "evaluate": 2, "draw_curves": 2, "tabulate": 1}
        | {"count_cost": 2, "build_report": 1},
    ),
    "the Farneback call": (
        FARNEBACK,
        replace("            0,\n", "            1,\n"),
        {"compute_flow": 2} | ON_CUBES,
    ),
    "a data set family more": (
        "src/vadbench/datasets/families.py",
        replace('"digits": "vad', '"numbers": "vadbench.datasets.digits",\n    "digits": "vad'),
        {},
    ),
    "the first log line of a module": (
        "src/vadbench/objects/cubes.py",
        after("import logging\nlog = logging.getLogger(__name__)\nlog.info('cubes')\n"),
        {},
    ),
    "what Python runs before a network": (
        "src/vadbench/methods/amsrc/__init__.py",
        after("import torch\ntorch.set_flush_denormal(True)\n"),
        {"train": 1, **ONE},
    ),
    "a metric": (
        "src/vadbench/scoring/metrics.py",
        replace("return float(below / 2", "return 1 - float(below / 2"),
        EVALUATED,
    ),
    "a protocol": (
        "src/vadbench/scoring/protocol.py",
        replace('"raw": Protocol()', '"raw": Protocol(drop_last=1)'),
        EVALUATED,
    ),
    "a config value": (
        "config.yaml",
        after("evaluation: {false_positive_rate: 0.02}\n"),
        EVALUATED,
    ),
    "a setting of one method": (
        "config.yaml",
        replace("  hf2vad:\n", "  hf2vad:\n    settings: {cvae: {learning_rate: 0.0002}}\n"),
        {"train": 2, **ONE},
    ),
    "a weight file": (
        "data/rcnn.pth",
        after("other"),
        {"segment": 2, "find_objects": 2} | ON_CUBES,
    ),
    "a label reader": (
        "src/vadbench/datasets/labels/__init__.py",
        replace("labels[clip] = vector", "labels[clip] = 1 - vector"),
        {"index": 1, "find_regions": 1} | EVALUATED,
    ),
    "a label file": (
        "data/own/labels.csv",
        replace("2,3", "1,3"),
        {"index": 1, "find_regions": 1} | EVALUATED,
    ),
}
RAW = {
    "check_clip": 1,
    "index": 1,
    "find_regions": 1,
    "segment": 1,
    "compute_flow": 1,
    "find_objects": 1,
    "cut_cubes": 1,
    **TRAINED,
    # Of the baselines, which learn nothing, only the training clips.
    "score": 5,
    "count_cost": 2,
    **EVALUATED,
}
FAST = {"a log line", "a network layer of one method", "the score of one method", "a label file"}


def compare(tree: Tree, expected: dict[str, int]) -> dict:
    assert dict(tree.planned()) == expected
    status = json.loads(tree.vadbench("status", "--json").stdout)
    assert status["reruns"] == expected
    return status


@pytest.mark.parametrize(
    "case", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_an_edit_reruns_exactly_what_it_changes(campus: Tree, case: str) -> None:
    path, edit, expected = CASES[case]
    with edited(campus.folder / path, edit):
        compare(campus, expected)


def test_a_raw_frame_counts_by_content_and_not_by_time(campus: Tree) -> None:
    frame = campus.folder / "data/own/train/a/3.png"
    times = frame.stat()
    os.utime(frame, ns=(1, 1))
    compare(campus, {})
    with edited(frame, flip):
        os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))
        status = compare(campus, RAW)
    assert "its raw files or labels changed (names, sizes or content)" in status["causes"][0]
    run = next(item for item in status["runs"] if item["method"] == "amsrc")
    assert run["state"] == "stale"
    assert run["reasons"][0].startswith("check_clip: its raw files")


def test_a_weight_file_counts_by_content_and_not_by_time_or_path(campus: Tree) -> None:
    weights = campus.folder / "data/rcnn.pth"
    times = weights.stat()
    os.utime(weights)
    assert not campus.planned()
    # One of the same size that is older than all that was made of its predecessor.
    with edited(weights, bytes.swapcase):
        os.utime(weights, ns=(1, 1))
        compare(campus, CASES["a weight file"][2])
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    spelt = campus.folder.resolve() / "data/rcnn.pth"
    with edited(campus.folder / "config.yaml", replace("data/rcnn.pth", str(spelt))):
        compare(campus, {})


@pytest.fixture
def look(campus: Tree, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Status]:
    """What this process, which has the library as it was copied, sees of a tree."""
    monkeypatch.setenv("VADBENCH_DATA", "data")

    def look(*targets: str, tree: Tree = campus) -> Status:
        monkeypatch.chdir(tree.folder)
        return survey(Plan(read_config_file("config.yaml")), targets)

    return look


def test_why_names_what_changed(campus: Tree, look: Callable[..., Status]) -> None:
    metrics = "results/own/hf2vad/full/seed0/metrics.json"
    assert not look(metrics).reruns
    with edited(campus.folder / FARNEBACK, CASES["the Farneback call"][1]):
        text = campus.vadbench("status", "--why", metrics).stdout
    assert "compute_flow: code: changed vadbench.teachers.flow.farneback" in text
    assert f"{metrics}: stale" in text
    with edited(campus.folder / "config.yaml", CASES["a setting of one method"][1]):
        assert "train: settings.cvae.learning_rate: 0.0001 -> 0.0002" in look(metrics).causes[0]
    with edited(campus.folder / "data/rcnn.pth", after("other")):
        (cause,) = look(metrics).causes
    assert cause.startswith("segment: the content of its weights changed, SHA-256 ")
    assert cause.endswith("(2 jobs)")


def test_what_is_not_there_is_made_if_something_needs_it(
    campus: Tree, look: Callable[..., Status]
) -> None:
    flow = "results/own/flow/farneback/test/b.h5"
    kept = campus.folder / "data/kept.h5"
    shutil.move(campus.folder / flow, kept)
    try:
        # Nothing that is to be made needs it, and Snakemake does not miss it.
        assert not look().reruns
        assert look().artefacts[flow].state == "missing"
        assert look(flow).causes == [f"compute_flow: {flow} is not there, and it is asked for"]
        assert dict(campus.planned(flow)) == {"compute_flow": 1}
    finally:
        shutil.move(kept, campus.folder / flow)
    with pytest.raises(VadbenchError, match=r"none\.h5: no rule of this configuration makes it"):
        look("results/none.h5")


def test_status_tells_running_failed_and_missing_apart(
    campus: Tree, look: Callable[..., Status], tmp_path: Path
) -> None:
    tree = Tree.__new__(Tree)
    tree.folder = tmp_path / "project"
    shutil.copytree(campus.folder, tree.folder, symlinks=True)
    run = tree.folder / "results/own/hf2vad/full/seed0"

    def state(method: str = "hf2vad") -> State:
        runs = look(tree=tree).runs
        return next(found for run, found in runs.items() if run.method == method)

    # As after a run that stopped at a job: what is made from it is not there either.
    shutil.rmtree(tree.folder / "results/tables")
    shutil.rmtree(tree.folder / "results/report")
    shutil.rmtree(tree.folder / "logs")
    (run / "metrics.json").unlink()
    (run / "cvae.safetensors").unlink()
    (run / "scores/test.h5").unlink()
    log = tree.folder / "logs/train/own/hf2vad/full/seed0/cvae.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("2026-01-01 00:00:00 INFO starting\n2026-01-01 00:00:01 INFO finished\n")
    assert state().state == "missing"
    log.write_text("2026-01-01 00:00:00 ERROR train01.h5: no such file\n")
    failed = State(
        "failed", ("train: train01.h5: no such file",), "logs/train/own/hf2vad/full/seed0/cvae.log"
    )
    assert state() == failed
    assert tree.vadbench("status", check=False).returncode == 1
    # A job that has begun, in a run that holds the tree.
    name = urlsafe_b64encode(b"results/own/hf2vad/full/seed0/cvae.safetensors").decode()
    (tree.folder / ".snakemake/incomplete" / name).write_text("{}")
    (tree.folder / ".snakemake/locks").mkdir(exist_ok=True)
    (tree.folder / ".snakemake/locks/0.output.lock").write_text("")
    (run / "training/cvae").mkdir(parents=True)
    checkpoint = run / "training/cvae/last.ckpt"
    checkpoint.touch()
    found = state()
    assert found.state == "running"
    assert found.reasons[0].startswith("train: last sign of life ")
    assert state("baselines").state == "done"
    for path in (checkpoint, log):
        os.utime(path, (1, 1))
    assert "if no run is on, it was killed" in state().reasons[0]


def test_planning_the_state_of_a_tree_imports_neither_snakemake_nor_torch(campus: Tree) -> None:
    program = (
        "import sys; from vadbench.cli import main; main(['status', '--json']); "
        "assert not {'torch', 'snakemake', 'cv2', 'lightning'} & sys.modules.keys()"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=campus.folder,
        env=campus.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
