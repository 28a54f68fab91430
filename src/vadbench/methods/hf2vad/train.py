"""Trains HF2-VAD's stages."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from vadbench.artefacts import file_digest
from vadbench.methods import TestSet, TrainJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.score import object_scores
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FinetuneStage, FlowStage, FrameStage
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeBatches, CubeSet
from vadbench.training.fit import fit, save_weights
from vadbench.training.machine import set_up_torch

__all__ = ["train_stage"]

_STAGES = {"flow": FlowStage, "cvae": FrameStage, "finetune": FinetuneStage}


def train_stage(job: TrainJob) -> None:
    """Trains one stage and writes its weights.

    Raises:
        VadbenchError: There are no cubes, or an input is damaged.
    """
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)
    set_up_torch(job.threads)
    torch.manual_seed(_seed(job, "weights"))
    with_flow = job.stage != "cvae"
    networks = Networks(settings, flow=with_flow, frame=job.stage != "flow")
    networks.load(job.weights)
    own = getattr(settings, job.stage)
    fields = ["flow"] if job.stage == "flow" else ["frames", "flow"]
    extra = {} if job.frozen is None else {"reconstructed": job.frozen}
    batches = CubeBatches(
        CubeSet(job.cubes, fields, extra),
        own.batch_size,
        seed=_seed(job, "order"),
        samples_per_epoch=own.samples_per_epoch,
        memory_gb=job.memory_gb,
    )
    inputs = [*job.weights.values(), *job.cubes, *([job.frozen] if job.frozen else [])]
    about = {
        "method": "hf2vad",
        "variant": job.variant,
        "stage": job.stage,
        "dataset": job.dataset,
        "seed": job.seed,
        "settings": dict(job.effective),
        "code": job.code,
    }
    state = networks.state_dict
    after_epoch = None
    if job.test is not None:
        best = job.output.with_suffix(".best_test.safetensors")

        def keep(value: float, epoch: int) -> None:
            facts = about | {"chosen": "best test AUC", "epoch": epoch, "test_auc": value}
            save_weights(state(), best, facts, inputs)

        after_epoch = (_test_scorer(job, networks, job.test), keep)
    fit(
        _STAGES[job.stage](networks, settings, own),
        batches,
        epochs=own.epochs,
        seed=_seed(job, "steps"),
        work=job.work,
        precision=job.precision,
        about=about | {"inputs": [file_digest(item) for item in inputs]},
        after_epoch=after_epoch,
    )
    save_weights(state(), job.output, about, inputs)
    (job.work / "last.ckpt").unlink(missing_ok=True)


def _seed(job: TrainJob, purpose: str) -> int:
    # Stages and purposes must not share a stream of random numbers.
    text = f"{job.seed} {job.stage} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])


def _test_scorer(job: TrainJob, networks: Networks, test: TestSet) -> Callable[[], float]:
    """Returns a function that scores training and test set and has the scores judged."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)

    def scored(clips: Sequence[str], cubes: Sequence[Path], frozen: Path | None) -> Scores:
        scores = object_scores(networks, settings, cubes, job.precision, job.seed, frozen)
        return Scores.of_cubes(clips, cubes, scores)

    def score() -> float:
        train = scored([path.stem for path in job.cubes], job.cubes, job.frozen)
        return test.judge(train, scored(test.clips, test.cubes, test.frozen))

    return score
