"""A small copy of the project that the workflow tests run for real."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]

SMALL: dict[str, Any] = {
    "datasets": {
        "walkway": {
            "family": "walkway",
            "train_clips": 2,
            "test_clips": 2,
            "frames": 20,
            "height": 96,
            "width": 144,
        }
    },
    "segmentation": {"annotations": {"backend": "annotations"}},
    "flow": {"farneback": {"backend": "farneback"}},
    "objects": {"both": {"source": "union", "segmentation": "annotations"}},
    "cubes": {"stc": {"objects": "both", "flow": "farneback"}},
    "methods": {
        "hf2vad": {
            "variants": ["full", "no_frame_prediction"],
            "cubes": "stc",
            "settings": {
                "memory_slots": 8,
                "flow": {"epochs": 1, "samples_per_epoch": 32, "batch_size": 16},
                "cvae": {"epochs": 1, "samples_per_epoch": 32, "batch_size": 16},
                "finetune": {"epochs": 1, "samples_per_epoch": 32, "batch_size": 16},
            },
        },
        "baselines": {"cubes": "stc"},
    },
    "seeds": [0],
    "budget": "cpu-demo",
    # One test turns them on: their jobs take half a minute.
    "panels": {"frames": 0},
}


class Tree:
    """A folder with the workflow and a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / "Snakefile", folder)
        shutil.copytree(PROJECT / "workflow", folder / "workflow")
        shutil.copytree(PROJECT / "envs", folder / "envs")
        (folder / "profiles").symlink_to("workflow/profiles")
        self.configure(SMALL)

    def configure(self, config: dict[str, Any]) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    @property
    def environment(self) -> dict[str, str]:
        own = {"VADBENCH_DATA": "data", "OMP_NUM_THREADS": "1"}
        if (self.folder / "src").is_dir():
            own["PYTHONPATH"] = str(self.folder / "src")
        return os.environ | own

    def copy_library(self) -> Path:
        """Gives the tree a library of its own that may be edited; returns its folder."""
        skip = shutil.ignore_patterns("__pycache__")
        copy = self.folder / "src/vadbench"
        return shutil.copytree(PROJECT / "src/vadbench", copy, ignore=skip)

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *options]

    def run(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run(self.command(*options), check)

    def vadbench(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-m", "vadbench", *options], check)

    def _run(self, command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(result.stdout[-6000:] + result.stderr[-6000:])
        return result

    def planned(self, *options: str) -> Counter[str]:
        """How many jobs of each rule a dry run lists."""
        text = self.run("-n", *options).stdout
        rules = [line.split()[1].rstrip(":") for line in text.splitlines() if _names_a_rule(line)]
        return Counter(rule for rule in rules if rule != "all")


def _names_a_rule(line: str) -> bool:
    return line.startswith(("rule ", "localrule "))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The small benchmark, run to its end once, whichever worker needs it first."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    tree = Tree.__new__(Tree)
    tree.folder = root / "finished/project"
    with open(root / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "finished/whole").exists():
            shutil.rmtree(root / "finished", ignore_errors=True)
            tree = Tree(tree.folder)
            tree.run()
            (root / "finished/whole").touch()
    return tree


@pytest.fixture
def tree(finished: Tree, tmp_path: Path) -> Tree:
    """A copy of the finished benchmark that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    copy = Tree.__new__(Tree)
    copy.folder = tmp_path / "project"
    return copy
