"""Training in several processes is training in one: the same batches, losses and weights."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.cubes import write_cubes
from tests.unit.methods.test_all_methods import CASES, job
from tests.views import write_views
from vadbench.methods import TrainJob, get_method
from vadbench.training.data import Batches, CubeSet

PROJECT = Path(__file__).parents[3]
EPOCHS, BATCH, EVEN = 3, 7, 5
ODD = ("flow_duality", "memory_toy")
"""Trained with batches of 7, 7 and 1, which cannot be divided, the others with thrice 5: a layer
that is one pixel large has no variance of one sample, and a bad one of three."""
PROGRAM = """
import os, signal, sys, time
from pathlib import Path

from tests.unit.training.test_distributed import in_double, made
from vadbench.methods import get_method
from vadbench.training import fit

folder, name, method, double, at, rank, number = sys.argv[1:]
if int(double):
    in_double(setattr)
after = fit._Keep.on_train_batch_end

def watched(self, trainer, module, outputs, *rest):
    with open(f"{folder}/{name}_{method}_{trainer.global_rank}.txt", "a") as stream:
        print(trainer.global_step, float(outputs["loss"]), os.getpid(), file=stream)
    if trainer.global_step == int(at) and trainer.global_rank == int(rank):
        os.kill(os.getpid(), int(number))
    after(self, trainer, module, outputs, *rest)

fit._Keep.on_train_batch_end = watched
get_method(method).train(made(Path(folder), name, method, 2))
"""


def in_double(change: Callable[[object, str, Any], None]) -> None:
    """Has training compute in 64 bits, where the order of sums is no excuse for a difference.

    In 32 bits Adam makes whole steps of it: it divides by the size of a gradient, which before a
    batch norm is rounding and nothing else.
    """
    from vadbench.training import fit

    change(fit, "number_format", lambda precision: "64-true")
    change(torch.Tensor, "float", torch.Tensor.double)


def made(folder: Path, name: str, method: str, devices: int) -> TrainJob:
    """A short training."""
    plain = job(folder, name, method)
    stage = CASES[method][1]
    settings = plain.settings.model_dump()
    settings[stage] |= {"epochs": EPOCHS, "batch_size": BATCH if method in ODD else EVEN}
    return replace(
        plain,
        settings=type(plain.settings).model_validate(settings),
        devices=devices,
        threads=2,
        least_loss=True,
    )


def chosen(trained: TrainJob) -> dict[str, Any]:
    """What the weights of the epoch of the lowest training loss say of themselves."""
    with safe_open(trained.output.with_suffix(".train_loss.safetensors"), "pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["vadbench"])
    return facts


def train(
    data: Path,
    name: str,
    method: str,
    *,
    double: bool = False,
    at: int = -1,
    rank: int = 0,
    number: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Trains in two processes, one of which may get a signal after a step."""
    program = data / "program.py"
    program.write_text(PROGRAM)
    arguments = [str(data), name, method, *map(str, (int(double), at, rank, int(number)))]
    return subprocess.run(
        [sys.executable, str(program), *arguments],
        env={**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'src'}"},
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
    )


def steps(data: Path, name: str, method: str) -> pd.DataFrame:
    """Step, loss of each process, and its number."""
    tables = [
        pd.read_csv(path, sep=" ", names=["step", "loss", "process"]).set_index("step")
        for path in sorted(data.glob(f"{name}_{method}_*.txt"))
    ]
    return pd.concat(tables, axis=1, keys=range(len(tables)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 samples."""
    folder = tmp_path_factory.mktemp("distributed")
    write_cubes(folder / "cubes", [9, 6], channels=3)
    write_views(folder / "views", [9, 8])  # a sample of which is two frames
    return folder


@pytest.mark.parametrize("memory", [4.0, 1e-9])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_processes_divide_every_batch_in_order(
    data: Path, ranks: int, memory: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = CubeSet(sorted((data / "cubes/train").glob("*.h5")), ["flow"])
    samples.block = 2
    monkeypatch.setattr("vadbench.training.data._POOL_BYTES", 4 * samples.row_bytes)

    def batches(rank: int, ranks: int, start: int) -> list[dict[str, torch.Tensor]]:
        drawn = Batches(samples, BATCH, seed=1, memory_gb=memory)
        drawn.share(rank, ranks)
        drawn.go_to(start)
        return [batch for _ in range(2) for batch in drawn]

    for start in (0, 2):
        whole = batches(0, 1, start)
        assert len(whole[-1]["index"]) == 1
        for batch, *parts in zip(
            whole, *(batches(rank, ranks, start) for rank in range(ranks)), strict=True
        ):
            assert "share" not in batch
            if len(batch["index"]) < ranks:
                assert all(torch.equal(part["flow"], batch["flow"]) for part in parts)
                continue
            for name in ("index", "flow"):
                assert torch.equal(torch.cat([part[name] for part in parts]), batch[name])
            # The mean over processes of weighted means is the mean over samples.
            means = [part["share"] * part["flow"].double().abs().mean() for part in parts]
            expected = float(batch["flow"].double().abs().mean())
            assert float(torch.stack(means).mean()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "method",
    [
        "flow_duality",
        pytest.param("hf2vad", marks=pytest.mark.slow),
        pytest.param("amsrc", marks=pytest.mark.slow),
        pytest.param("object_class_aware", marks=pytest.mark.slow),
        pytest.param("multitask_attention", marks=pytest.mark.slow),
        pytest.param("memory_toy", marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_as_one_does(
    data: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vadbench.training import fit

    in_double(monkeypatch.setattr)
    losses: list[float] = []
    after = fit._Keep.on_train_batch_end

    def watched(self, trainer, module, outputs, *rest) -> None:
        losses.append(float(outputs["loss"]))
        after(self, trainer, module, outputs, *rest)

    monkeypatch.setattr(fit._Keep, "on_train_batch_end", watched)
    one, two = made(data, "one", method, 1), made(data, "two", method, 2)
    get_method(method).train(one)
    result = train(data, "two", method, double=True)
    assert result.returncode == 0, result.stderr
    found = steps(data, "two", method)
    assert found.columns.get_level_values(0).nunique() == 2
    together = found.xs("loss", axis=1, level=1).mean(axis=1)
    assert len(together) == len(losses) == 3 * EPOCHS
    np.testing.assert_allclose(together, losses, rtol=1e-6)
    alone, shared = load_file(one.output), load_file(two.output)
    assert alone.keys() == shared.keys()
    for name, values in alone.items():
        # Of a batch of one sample, which both processes have, the variance counts it twice.
        rtol = 1e-2 if method in ODD and name.endswith("running_var") else 1e-5
        torch.testing.assert_close(shared[name], values, rtol=rtol, atol=1e-5, msg=name)
    assert chosen(two)["epoch"] == chosen(one)["epoch"]
    assert chosen(two)["train_loss"] == pytest.approx(chosen(one)["train_loss"], rel=1e-6)
    # The second process wrote neither logs nor weights, and what was trained how is said.
    assert [item.name for item in (two.work / "logs").iterdir()] == ["version_0"]
    assert not (two.work / "last.ckpt").exists()
    with safe_open(two.output, "pt") as file:
        assert '"devices": 2' in file.metadata()["vadbench"]


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on_to_the_same_weights(data: Path) -> None:
    method = "flow_duality"
    for name in ("whole", "again"):
        assert train(data, name, method).returncode == 0
    whole = made(data, "whole", method, 2).output.read_bytes()
    assert made(data, "again", method, 2).output.read_bytes() == whole
    for rank, number in ((0, signal.SIGTERM), (1, signal.SIGUSR1)):
        name = f"stopped{rank}"
        stopped = made(data, name, method, 2)
        result = train(data, name, method, at=4, rank=rank, number=number)
        assert result.returncode == 128 + signal.SIGTERM, result.stderr
        assert not stopped.output.exists()
        saved = torch.load(stopped.work / "last.ckpt", weights_only=True)
        assert saved["global_step"] == 4
        assert train(data, name, method).returncode == 0
        assert stopped.output.read_bytes() == whole
        assert chosen(stopped)["train_loss"] == chosen(made(data, "whole", method, 2))["train_loss"]
        # It went on after the fourth step.
        assert steps(data, name, method).index.tolist() == list(range(1, 3 * EPOCHS + 1))


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_takes_the_other_along(data: Path, rank: int) -> None:
    name, method = f"killed{rank}", "flow_duality"
    started = time.monotonic()
    assert train(data, name, method, at=4, rank=rank, number=signal.SIGKILL).returncode != 0
    assert time.monotonic() - started < 300
    for process in steps(data, name, method).xs("process", axis=1, level=1).iloc[0]:
        # The kernel may take a moment to clear away what it ends.
        for _ in range(50):
            if not Path(f"/proc/{int(process)}").exists():
                break
            time.sleep(0.2)
        assert not Path(f"/proc/{int(process)}").exists()
    # Whole checkpoints only, of epochs; the next start goes on from there.
    assert train(data, name, method).returncode == 0
    assert made(data, name, method, 2).output.exists()
