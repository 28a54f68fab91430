"""What holds of every trained method: repeatable to the bit, and so after a kill."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.cubes import write_cubes
from tests.views import write_views
from vadbench.methods import TrainJob, get_method

STAGE = {"epochs": 2, "batch_size": 6, "learning_rate": 1e-3}
AT = 4  # of 6 steps; the second epoch has begun
NO_WEIGHTS = {"appearance_weights": "none", "motion_weights": "none"}
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    # Its other stages are in tests/unit/training.
    "hf2vad": ("full", "flow", {"memory_slots": 8, "flow": STAGE}),
    "amsrc": ("full", "predict", {"predict": STAGE}),
    "flow_duality": (
        "no_flow",
        "frame",
        {"guided": False, "frame_widths": [8, 16], "frame": STAGE},
    ),
    "object_class_aware": ("full", "motion", {"encoder_weights": "none", "motion": STAGE}),
    "multitask_attention": ("full", "motion", {**NO_WEIGHTS, "motion": STAGE}),
    "memory_toy": ("a_memae", "reconstruct", {"memory_slots": 8, "reconstruct": STAGE}),
}

# One process imports everything and forks before it computes: each child is killed on its own.
KILL = f"""
import os, signal, sys
from pathlib import Path
from tests.unit.methods.test_all_methods import CASES, job
from vadbench.methods import get_method
from vadbench.training import fit
import vadbench.methods.amsrc.train, vadbench.methods.flow_duality.train

fit.CHECKPOINT_SECONDS = 0.0
after = fit._Keep.on_train_batch_end

def killed(self, trainer, *rest):
    after(self, trainer, *rest)
    if trainer.global_step == {AT}:
        os.kill(os.getpid(), signal.SIGKILL)

fit._Keep.on_train_batch_end = killed
for method in CASES:
    child = os.fork()
    if not child:
        get_method(method).train(job(Path(sys.argv[1]), "killed", method))
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, method
"""


def job(folder: Path, name: str, method: str) -> TrainJob:
    variant, stage, overrides = CASES[method]
    kind = get_method(method).reads
    return TrainJob(
        dataset="made",
        method=method,
        variant=variant,
        stage=stage,
        settings=get_method(method).settings_model.model_validate(overrides),
        seed=0,
        weights={},
        cubes=sorted((folder / "cubes/train").glob("*.h5")) if kind == "cubes" else [],
        views=sorted((folder / "views/train").glob("*.h5")) if kind == "views" else [],
        output=folder / name / f"{method}.safetensors",
        work=folder / name / method,
        precision="32",
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cubes and views, and trainings of every case that were killed in mid epoch."""
    folder = tmp_path_factory.mktemp("methods")
    write_cubes(folder / "cubes", [8, 10])
    write_views(folder / "views", [10, 10])
    result = subprocess.run(
        [sys.executable, "-c", KILL, folder],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        check=False,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.parametrize("method", list(CASES))
def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(
    data: Path, method: str
) -> None:
    killed, unbroken = job(data, "killed", method), job(data, "unbroken", method)
    assert not killed.output.exists()
    checkpoint = killed.work / "last.ckpt"
    assert checkpoint.is_file()
    get_method(method).train(killed)
    assert not checkpoint.exists()
    get_method(method).train(unbroken)
    assert killed.output.read_bytes() == unbroken.output.read_bytes()
    assert all(values.isfinite().all() for values in load_file(unbroken.output).values())
