"""Training is repeatable to the bit, and a kill at any step changes nothing."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from tests.cubes import write_cubes
from vadbench.errors import VadbenchError
from vadbench.methods import ApplyJob, TestSet, TrainJob
from vadbench.methods.hf2vad.frozen import reconstruct_split
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.train import train_stage
from vadbench.scoring.judge import judge
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.training import fit
from vadbench.training.fit import alone, save_weights
from vadbench.training.settings import StageSettings

PROJECT = Path(__file__).parents[3]
STAGE = StageSettings(epochs=2, batch_size=6, learning_rate=1e-3)
SETTINGS = HF2VADSettings(memory_slots=8, flow=STAGE, cvae=STAGE, finetune=STAGE)
STEPS = 4  # per epoch, of 20 cubes

KILL = """
import os, signal, sys
from pathlib import Path
from typing import Any
from tests.unit.training.test_fit import job
from vadbench.methods.hf2vad.train import train_stage
from vadbench.training import fit

folder, stage, at, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
fit.CHECKPOINT_SECONDS = 0.0
step = fit._Training.training_step

def killed(self, batch, batch_idx):
    if self.trainer.global_step == at:
        os.kill(os.getpid(), number)
    return step(self, batch, batch_idx)

fit._Training.training_step = killed
train_stage(job(folder, stage))
"""


def job(folder: Path, stage: str, seed: int = 0) -> TrainJob:
    before = {"flow": [], "cvae": ["flow"], "finetune": ["flow", "cvae"]}[stage]
    return TrainJob(
        dataset="made", method="hf2vad", variant="full", stage=stage, settings=SETTINGS, seed=seed,
        weights={name: folder.parent / "before" / f"{name}.safetensors" for name in before},
        cubes=sorted((folder.parent / "train").glob("*.h5")),
        frozen=folder.parent / "frozen.h5" if stage == "cvae" else None,
        output=folder / f"{stage}.safetensors", work=folder / "training" / stage, precision="32",
        effective=SETTINGS.plain(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cubes, and weights of all three stages, trained without a break."""
    folder = tmp_path_factory.mktemp("training")
    write_cubes(folder, [9, 11])
    for stage in ("flow", "cvae", "finetune"):
        train_stage(job(folder / "before", stage))
        if stage == "flow":
            reconstruct_split(
                ApplyJob(
                    dataset="made", method="hf2vad", variant="full", stage=stage, split="train",
                    seed=0, settings=SETTINGS, weights={stage: folder / "before/flow.safetensors"},
                    cubes=sorted((folder / "train").glob("*.h5")),
                    output=folder / "frozen.h5", precision="32",
                )
            )  # fmt: skip
    return folder


def facts(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def test_weights_say_what_they_were_computed_in(data: Path) -> None:
    told = json.loads(facts(data / "before/flow.safetensors")["vadbench"])
    assert told["computed_in"] == "32-true"


@pytest.mark.parametrize("stage", ["flow", "finetune"])
def test_the_same_seed_gives_the_same_file(data: Path, stage: str) -> None:
    train_stage(job(data / "again", stage))
    again = (data / "again" / f"{stage}.safetensors").read_bytes()
    assert again == (data / "before" / f"{stage}.safetensors").read_bytes()
    train_stage(job(data / "other", stage, seed=1))
    assert (data / "other" / f"{stage}.safetensors").read_bytes() != again


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def killed(folder: Path, stage: str, at: int, number: int = signal.SIGKILL) -> int:
    """Trains in a process of its own that gets a signal at a step; returns how it ended."""
    result = subprocess.run(
        [sys.executable, "-c", KILL, folder, stage, str(at), str(int(number))],
        env={**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'src'}"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert result.returncode != 0, result.stderr
    return result.returncode


@pytest.mark.parametrize(
    ("stage", "at", "number"),
    [
        ("cvae", 2, signal.SIGKILL),
        ("cvae", STEPS, signal.SIGKILL),
        ("finetune", STEPS + 1, signal.SIGKILL),
        ("flow", 1, signal.SIGTERM),
        ("flow", STEPS - 1, signal.SIGTERM),
    ],
)
def test_a_killed_stage_ends_with_the_same_weights(
    data: Path, tmp_path: Path, stage: str, at: int, number: int
) -> None:
    folder = data / tmp_path.name
    killed(folder, stage, at, number)
    assert not (folder / f"{stage}.safetensors").exists()
    checkpoint = folder / "training" / stage / "last.ckpt"
    saved = torch.load(checkpoint, weights_only=True)
    # What a kill loses is the step that it hit, and no more.
    assert saved["global_step"] >= at
    train_stage(job(folder, stage))
    expected = (data / "before" / f"{stage}.safetensors").read_bytes()
    assert (folder / f"{stage}.safetensors").read_bytes() == expected
    assert not checkpoint.exists()
    # Neither half of the log is lost.
    logs = sorted((folder / "training" / stage / "logs").iterdir())
    assert [item.name for item in logs] == ["version_0", "version_1"]


def test_the_logs_hold_every_loss(data: Path) -> None:
    folder = data / "before/training/finetune/logs"
    table = pd.read_csv(folder / "version_0/metrics.csv")
    for name in ("flow_error", "entropy", "frame_error", "gradient", "divergence"):
        values = table[name].dropna()
        assert len(values)
        assert np.isfinite(values).all(), name
    assert list(folder.rglob("events.out.tfevents.*"))


def test_weights_say_what_they_were_made_from(data: Path) -> None:
    about = facts(data / "before/finetune.safetensors")["vadbench"]
    for part in ('"stage": "finetune"', '"seed": 0', "cvae.safetensors", "train/00.h5"):
        assert part in about


def test_a_damaged_checkpoint_is_not_used(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    work = data / "damaged/training/flow"
    work.mkdir(parents=True)
    (work / "last.ckpt").write_bytes(b"PK\x03\x04 nothing")
    train_stage(job(data / "damaged", "flow"))
    assert "last.ckpt cannot be read" in caplog.text
    expected = (data / "before/flow.safetensors").read_bytes()
    assert (data / "damaged/flow.safetensors").read_bytes() == expected


def test_a_flipped_bit_in_a_checkpoint_is_seen(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = data / "flipped"
    killed(folder, "flow", 2)
    checkpoint = folder / "training/flow/last.ckpt"
    with zipfile.ZipFile(checkpoint) as archive:
        part = max(archive.infolist(), key=lambda item: item.file_size)
    content = bytearray(checkpoint.read_bytes())
    content[part.header_offset + part.file_size // 2] ^= 64
    checkpoint.write_bytes(content)
    assert torch.load(checkpoint, weights_only=True)  # which is why it has to be looked for
    train_stage(job(folder, "flow"))
    assert f"last.ckpt cannot be read (its part {part.filename} is damaged)" in caplog.text
    expected = (data / "before/flow.safetensors").read_bytes()
    assert (folder / "flow.safetensors").read_bytes() == expected


def test_a_checkpoint_that_would_run_something_does_not(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = data / "hostile/training/flow"
    work.mkdir(parents=True)
    torch.save({"global_step": 1, "vadbench": _Evil(data / "owned")}, work / "last.ckpt")
    train_stage(job(data / "hostile", "flow"))
    assert "last.ckpt cannot be read" in caplog.text
    assert not (data / "owned").exists()


def test_nobody_else_trains_into_the_same_folder(data: Path) -> None:
    mine = job(data / "alone", "flow")
    with alone(mine.work):
        with pytest.raises(VadbenchError, match=rf"another process .*\(process {os.getpid()} on "):
            train_stage(mine)
    assert not mine.output.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_below_a_scheduler_a_stage_that_is_told_to_stop_does_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # By themselves these have Lightning leave stopping and starting anew to Slurm.
    for key in ("SLURM_JOB_ID", "SLURM_NTASKS"):
        monkeypatch.setenv(key, "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    folder = data / tmp_path.name
    assert killed(folder, "flow", 2, number) == 128 + signal.SIGTERM
    saved = torch.load(folder / "training/flow/last.ckpt", weights_only=True)
    assert saved["global_step"] == 3
    train_stage(job(folder, "flow"))
    expected = (data / "before/flow.safetensors").read_bytes()
    assert (folder / "flow.safetensors").read_bytes() == expected


def test_a_checkpoint_of_other_settings_is_not_used(data: Path) -> None:
    folder = data / "changed"
    killed(folder, "flow", 2)
    assert (folder / "training/flow/last.ckpt").is_file()
    changed = replace(job(folder, "flow"), effective=SETTINGS.plain() | {"memory_slots": 9})
    train_stage(changed)
    # It began anew, with nothing of the first attempt.
    assert facts(folder / "flow.safetensors")["vadbench"] != facts(data / "before/flow.safetensors")
    with (
        safe_open(folder / "flow.safetensors", "pt") as ours,
        safe_open(data / "before/flow.safetensors", "pt") as theirs,
    ):
        for name in ours.keys():  # noqa: SIM118
            assert torch.equal(ours.get_tensor(name), theirs.get_tensor(name))
    assert [item.name for item in (folder / "training/flow/logs").iterdir()] == ["version_0"]


@pytest.mark.parametrize(
    ("memory", "devices", "held"),
    [(4.0, 1, 3.9), (8.0, 2, 3.9), (4.0, 2, 1.9), (4.0, 8, 1.9)],
)
def test_processes_divide_the_memory_for_samples(
    data: Path, monkeypatch: pytest.MonkeyPatch, memory: float, devices: int, held: float
) -> None:
    trained = Mock(return_value=False)
    monkeypatch.setattr("vadbench.training.fit.fit", trained)

    def holds(gigabytes: float) -> bool:
        monkeypatch.setattr(
            "vadbench.training.data._row_bytes", lambda _: int(gigabytes * 1e9 / 20)
        )
        mine = replace(job(data / "divided", "flow"), memory_gb=memory, devices=devices)
        train_stage(mine)
        return bool(trained.call_args.args[1]._fits)

    assert holds(held)
    assert not holds(held + 0.2)


def test_choosing_an_epoch_on_the_test_set_leaves_the_last_epoch_alone(data: Path) -> None:
    cubes = write_cubes(data, [6, 5], split="test", seed=1)
    labels = {
        "00": np.array([0, 0, 1, 1, 1, 0], np.uint8),
        "01": np.array([1, 1, 0, 0, 0], np.uint8),
    }
    weights = {"flow_reconstruction": 1.0, "frame_prediction": 0.1}
    test = TestSet(list(labels), cubes, None, partial(judge, labels, PROTOCOLS["raw"], weights))
    train_stage(replace(job(data / "chosen", "flow"), test=test))

    last = data / "chosen/flow.safetensors"
    assert last.read_bytes() == (data / "before/flow.safetensors").read_bytes()
    best = json.loads(facts(data / "chosen/flow.best_test.safetensors")["vadbench"])
    assert best["chosen"] == "best test AUC"
    assert best["epoch"] in (0, 1)
    table = pd.read_csv(data / "chosen/training/flow/logs/version_0/metrics.csv")
    assert best["test_auc"] == pytest.approx(table["test_auc"].max(), abs=1e-6)


@pytest.mark.parametrize("at", [None, 1, STEPS, STEPS + 2])
def test_the_epoch_of_the_least_loss_stands_beside_the_last(
    data: Path, monkeypatch: pytest.MonkeyPatch, at: int | None
) -> None:
    """And is the same after a break at any step."""
    losses: dict[int, float] = {}
    step = fit._Training.training_step

    def watched(self: Any, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.trainer.global_step == at and at not in losses:
            losses[at] = np.nan
            raise OSError("gone")
        loss = step(self, batch, batch_idx)
        losses[self.trainer.global_step] = float(loss.detach())
        return loss

    monkeypatch.setattr(fit, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(fit._Training, "training_step", watched)
    folder = data / f"least{at}"
    mine = replace(job(folder, "flow"), least_loss=True)
    if at is not None:
        with pytest.raises(OSError, match="gone"):
            train_stage(mine)
    train_stage(mine)
    means = [np.mean([losses[e * STEPS + i] for i in range(STEPS)]) for e in range(2)]
    last = folder / "flow.safetensors"
    assert last.read_bytes() == (data / "before/flow.safetensors").read_bytes()
    chosen = folder / "flow.train_loss.safetensors"
    told = json.loads(facts(chosen)["vadbench"])
    assert told["chosen"] == "lowest training loss"
    assert told["epoch"] == int(np.argmin(means))
    assert told["train_loss"] == pytest.approx(min(means), rel=1e-9)
    # Losses of random data fall: it is the last epoch, whose weights these are.
    assert told["epoch"] == 1
    with safe_open(last, "pt") as one, safe_open(chosen, "pt") as other:
        for name in one.keys():  # noqa: SIM118
            assert torch.equal(one.get_tensor(name), other.get_tensor(name))


def test_the_weights_of_an_earlier_epoch_of_less_loss_are_kept(tmp_path: Path) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    keep = fit.LeastLoss(network)
    trainer, module = Mock(world_size=1), Mock(device=torch.device("cpu"))
    for epoch, (weight, loss) in enumerate([(1.0, 3.0), (2.0, 1.0), (3.0, 2.0)]):
        trainer.current_epoch = epoch
        torch.nn.init.constant_(network.weight, weight)
        for part in (loss - 0.5, loss + 0.5):
            keep.on_train_batch_end(trainer, module, {"loss": torch.tensor(part)}, {}, 0)
        keep.on_train_epoch_end(trainer, module)
    assert keep.facts() == {"chosen": "lowest training loss", "epoch": 1, "train_loss": 1.0}
    assert keep.weights["weight"].item() == 2.0


def told(cubes: list[Path], values: list[float], **about: str) -> TestSet:
    """A test set that says of one epoch after the other how good it is, and then is gone."""

    def judged(train: Any, test: Any) -> float:
        if not values:
            raise OSError("gone")
        return values.pop(0)

    return TestSet(["00", "01"], cubes, None, judged, about)


@pytest.fixture(scope="module")
def unbroken(data: Path) -> tuple[list[Path], Path]:
    """Test cubes, and the folder of a training of which the first epoch is the best on them."""
    cubes = write_cubes(data, [6, 5], split="test", seed=1)
    train_stage(replace(job(data / "unbroken", "flow"), test=told(cubes, [0.9, 0.5])))
    return cubes, data / "unbroken"


def same_weights(one: Path, other: Path) -> None:
    for name in ("flow.safetensors", "flow.best_test.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_the_best_epoch_is_kept_over_a_kill(data: Path, unbroken: tuple[list[Path], Path]) -> None:
    """Whatever becomes of files under their final names, which a scheduler removes."""
    cubes, whole = unbroken
    broken = job(data / "broken", "flow")
    with pytest.raises(OSError, match="gone"):
        train_stage(replace(broken, test=told(cubes, [0.9])))
    assert [item.name for item in broken.output.parent.iterdir()] == ["training"]
    train_stage(replace(broken, test=told(cubes, [0.5])))
    same_weights(data / "broken", whole)
    best = json.loads(facts(data / "broken/flow.best_test.safetensors")["vadbench"])
    assert (best["epoch"], best["test_auc"]) == (0, 0.9)


def test_the_best_epoch_is_kept_over_a_kill_after_the_last(
    data: Path, unbroken: tuple[list[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cubes, whole = unbroken
    late = job(data / "late", "flow")

    def half(state: Any, path: Path, *rest: Any) -> None:
        if path == late.output:
            raise OSError("killed")
        save_weights(state, path, *rest)

    with monkeypatch.context() as change, pytest.raises(OSError, match="killed"):
        change.setattr("vadbench.training.fit.save_weights", half)
        train_stage(replace(late, test=told(cubes, [0.9, 0.5])))
    (data / "late/flow.best_test.safetensors").unlink()
    train_stage(replace(late, test=told(cubes, [])))
    same_weights(data / "late", whole)


def test_epochs_before_a_kill_that_nobody_judged_are_trained_again(
    data: Path, unbroken: tuple[list[Path], Path]
) -> None:
    """As where `selection` was `last` until then: the best may be one of them."""
    cubes, whole = unbroken
    folder = data / "unjudged"
    killed(folder, "flow", STEPS + 1)
    train_stage(replace(job(folder, "flow"), test=told(cubes, [0.9, 0.5])))
    same_weights(folder, whole)


def test_a_training_that_ended_before_anybody_judged_is_done_again(
    data: Path, unbroken: tuple[list[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cubes, whole = unbroken
    ended = job(data / "ended", "flow")
    with monkeypatch.context() as change, pytest.raises(OSError, match="killed"):
        change.setattr("vadbench.training.fit.save_weights", Mock(side_effect=OSError("killed")))
        train_stage(ended)
    train_stage(replace(ended, test=told(cubes, [0.9, 0.5])))
    same_weights(data / "ended", whole)


@pytest.mark.parametrize("changed", ["cubes", "labels"])
def test_epochs_are_chosen_on_one_test_set(
    data: Path, unbroken: tuple[list[Path], Path], changed: str
) -> None:
    cubes, whole = unbroken
    folder = data / f"changed_{changed}"
    other = write_cubes(folder, [6, 5], split="test", seed=5) if changed == "cubes" else cubes
    with pytest.raises(OSError, match="gone"):
        train_stage(replace(job(folder, "flow"), test=told(other, [0.99], labels="old")))
    labels = "new" if changed == "labels" else "old"
    train_stage(replace(job(folder, "flow"), test=told(cubes, [0.9, 0.5], labels=labels)))
    same_weights(folder, whole)


def test_a_checkpoint_of_judged_epochs_serves_a_training_that_judges_none(
    data: Path, unbroken: tuple[list[Path], Path]
) -> None:
    cubes, _ = unbroken
    folder = data / "unasked"
    with pytest.raises(OSError, match="gone"):
        train_stage(replace(job(folder, "flow"), test=told(cubes, [0.9])))
    train_stage(job(folder, "flow"))
    expected = (data / "before/flow.safetensors").read_bytes()
    assert (folder / "flow.safetensors").read_bytes() == expected
    logs = folder / "training/flow/logs"
    assert sorted(item.name for item in logs.iterdir()) == ["version_0", "version_1"]
