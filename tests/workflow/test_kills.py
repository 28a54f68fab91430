"""Jobs and whole runs are killed at random moments: no finished work is lost, nothing differs."""

import base64
import copy
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.workflow.conftest import SMALL, Tree
from vadbench.artefacts import file_digest

SHORT = {"epochs": 4, "samples_per_epoch": 32, "batch_size": 8}
EVERYTHING: dict[str, Any] = copy.deepcopy(SMALL) | {
    "depth": {"annotations": {"backend": "annotations"}},
    "views": {
        "small": {
            "size": 32,
            "flow": "farneback",
            "segmentation": "annotations",
            "depth": "annotations",
        }
    },
    "methods": {
        "flow_duality": {
            "variants": ["full", "no_flow"],
            "views": "small",
            "settings": {
                "motion_widths": [8, 8],
                "frame_widths": [8, 8],
                "motion": SHORT,
                "frame": SHORT,
            },
        },
        "baselines": {"cubes": "stc"},
    },
    "panels": {"frames": 1, "maps": True},
    "selection": "best_test",
}
"""Every rule, and a frozen stage."""


def outputs(tree: Tree) -> list[Path]:
    """Files that the run made, without what only says how long it took."""
    return sorted(
        path.relative_to(tree.folder)
        for path in (tree.folder / "results").rglob("*")
        if path.is_file() and not {"timings", "training"}.intersection(path.parts)
    )


def finished_work(tree: Tree) -> dict[str, tuple[int, int]]:
    """What Snakemake has noted as done: inode and time by path."""
    done = {}
    notes = tree.folder / ".snakemake"
    for record in (notes / "metadata").glob("*"):
        path = base64.b64decode(record.name).decode()
        place = tree.folder / path
        if not (notes / "incomplete" / record.name).exists() and place.exists():
            done[path] = (place.stat().st_ino, place.stat().st_mtime_ns)
    return done


def durations(tree: Tree) -> dict[str, float]:
    """Seconds that the longest job of each rule took."""
    longest: dict[str, float] = {}
    for path in (tree.folder / "results/timings").rglob("*.tsv"):
        rule = path.relative_to(tree.folder / "results/timings").parts[0].removesuffix(".tsv")
        seconds = float(path.read_text().splitlines()[1].split("\t")[0])
        longest[rule] = max(seconds, longest.get(rule, 0.0))
    return longest


@dataclass
class Killer:
    """Runs a tree to its end against all odds.

    Attributes:
        chance: Decides who is killed, and when.
        seconds: How long jobs of each rule take.
        most: Kills after which none are meant but of rules that were not hit yet.
        targets: What is to be made; everything if none.
        first: How likely a job is chosen as long as none of its rule was killed.
        often: How likely it is from then on.
        jobs: Kills of single jobs by rule.
        along: Jobs that died with the whole run, by rule.
        runs: Kills of whole runs, and of Snakemake alone.
    """

    tree: Tree
    chance: random.Random
    seconds: dict[str, float]
    most: int
    first: float = 0.9
    often: float = 0.5
    targets: tuple[str, ...] = ()
    jobs: Counter[str] = field(default_factory=Counter)
    along: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    _rules: dict[str, str] = field(default_factory=dict)

    def running(self) -> dict[int, str]:
        """Rules of the jobs' own processes, by number."""
        scripts = str(self.tree.folder / ".snakemake/scripts")
        found = {}
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue  # It has ended.
            if len(words) > 1 and words[1].startswith(scripts):
                rule = self._rule(Path(words[1]))
                if rule:
                    found[int(process.name)] = rule
        return found

    def _rule(self, script: Path) -> str:
        if script.name not in self._rules:
            try:
                log = re.search(rb"logs/([a-z_]+)", script.read_bytes())
            except OSError:
                return ""
            self._rules[script.name] = log[1].decode() if log else ""
        return self._rules[script.name]

    def total(self) -> int:
        return self.jobs.total() + self.runs.total()

    def to_the_end(self) -> None:
        """Starts the run again and again, as the documentation says, until it is through."""
        while True:
            before = finished_work(self.tree)
            self.rounds += 1
            assert self.rounds < 100, (self.jobs, self.runs)
            ended = self._one_round()
            after = finished_work(self.tree)
            lost = {path for path, state in before.items() if after.get(path) != state}
            assert not lost, f"finished, and made again: {lost}"
            if ended == 0:
                return
            if ended < 0:
                self.tree.run("--unlock")

    def _one_round(self) -> int:
        log = self.tree.folder / "run.log"
        started, process = time.monotonic(), self._start(log)
        limit = None
        if self.total() < self.most and self.chance.random() < 0.6:
            limit = started + self.chance.uniform(3, 20)
        doomed: dict[int, float] = {}
        spared: set[int] = set()
        while process.poll() is None:
            now = time.monotonic()
            running = self.running()
            for job, rule in running.items():
                if job in doomed:
                    if now >= doomed[job]:
                        self._kill(job, rule)
                elif job not in spared:
                    if self._chosen(rule):
                        doomed[job] = now + self.chance.uniform(0, self.seconds.get(rule, 2.0))
                    else:
                        spared.add(job)
            if limit is not None and now >= limit:
                return self._kill_run(process)
            time.sleep(0.1)
        if process.returncode:
            assert doomed, log.read_text()[-4000:]
        return process.returncode

    def _start(self, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as stream:
            return subprocess.Popen(
                self.tree.command("--retries", "1", *self.targets),
                cwd=self.tree.folder,
                env={**os.environ, "VADBENCH_DATA": "data", "OMP_NUM_THREADS": "1"},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _chosen(self, rule: str) -> bool:
        if self.total() < self.most:
            return self.chance.random() < (self.often if self.jobs[rule] else self.first)
        return not self.jobs[rule] and self.chance.random() < self.first

    def _kill(self, job: int, rule: str) -> None:
        try:
            os.kill(job, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.jobs[rule] += 1

    def _kill_run(self, process: subprocess.Popen[bytes]) -> int:
        if self.chance.random() < 0.3:
            self.runs["Snakemake alone"] += 1
            process.kill()
            process.wait()
            # Its jobs go on; whoever starts anew lets them end.
            until = time.monotonic() + 120
            while self.running() and time.monotonic() < until:
                time.sleep(0.1)
            assert not self.running()
        else:
            self.runs["the whole run"] += 1
            self.along.update(self.running().values())
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return -signal.SIGKILL

    def report(self, seed: int) -> str:
        """Kills by rule, as a table."""
        rules = sorted(self.jobs | self.along)
        rows = [f"{rule:16} {self.jobs[rule]:4} {self.along[rule]:10}" for rule in rules]
        return "\n".join(
            [
                f"seed {seed}: {self.jobs.total()} kills of jobs, "
                + ", ".join(f"{count} of {what}" for what, count in self.runs.items())
                + f"; {self.rounds} starts",
                f"{'rule':16} jobs with a run",
                *rows,
            ]
        )


def check_equal(found: Tree, expected: Tree) -> None:
    """Every file is there, with the same content, and no other.

    Pages of the report tell how long jobs took, so of these only the names are the same.
    """
    assert outputs(found) == outputs(expected)
    for path in outputs(expected):
        if "report" in path.parts:
            continue
        ours, theirs = found.folder / path, expected.folder / path
        if path.suffix != ".h5":
            assert ours.read_bytes() == theirs.read_bytes(), path
            continue
        assert file_digest(ours) == file_digest(theirs), path
        # What the digest is of, too.
        with h5py.File(ours) as one, h5py.File(theirs) as other:
            names: list[str] = []
            other.visititems(lambda name, item, names=names: names.append(name))
            for name in names:
                if isinstance(other[name], h5py.Dataset):
                    np.testing.assert_array_equal(one[name][()], other[name][()], err_msg=name)


def test_a_few_kills_change_nothing(tmp_path: Path) -> None:
    """The reduced form: the jobs that one clip's cubes need."""
    target = "results/walkway/cubes/stc/test/test01.h5"
    whole, tree = Tree(tmp_path / "whole"), Tree(tmp_path / "killed")
    whole.run(target)
    killer = Killer(tree, random.Random(0), durations(whole), most=4, targets=(target,))
    killer.to_the_end()
    assert killer.total() >= 3, killer.report(0)
    # A run that failed reports what there is.
    shutil.rmtree(tree.folder / "results/report", ignore_errors=True)
    check_equal(tree, whole)
    assert not tree.planned(target)


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(
    tmp_path: Path, finished: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = 0
    tree = Tree(tmp_path / "project")
    killer = Killer(tree, random.Random(seed), durations(finished), 5, first=0.6, often=0.3)
    killer.to_the_end()
    assert killer.total() >= 2, killer.report(seed)
    check_equal(tree, finished)
    assert not tree.planned()
    with capsys.disabled():
        print("\n" + killer.report(seed))


@pytest.mark.slow
def test_fifty_kills_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("VADBENCH_SEED", "0"))
    whole, tree = Tree(tmp_path / "whole"), Tree(tmp_path / "killed")
    for each in (whole, tree):
        each.configure(EVERYTHING)
    whole.run()
    seconds = durations(whole)
    killer = Killer(tree, random.Random(seed), seconds, most=60)
    for _ in range(5):
        killer.to_the_end()
        check_equal(tree, whole)
        if killer.total() >= 50 and set(killer.jobs) >= set(seconds):
            break
        # Not enough yet: once more from nothing.
        shutil.rmtree(tree.folder / "results")
        shutil.rmtree(tree.folder / ".snakemake")
    with capsys.disabled():
        print("\n" + killer.report(seed))
    assert killer.total() >= 50
    assert set(killer.jobs) == set(seconds)
    assert not tree.planned()
