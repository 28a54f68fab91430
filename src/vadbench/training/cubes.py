"""Trains, applies and scores networks on cubes: all that is no method's own."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vadbench.artefacts import Identity, file_digest
from vadbench.methods import ScoreJob, TestSet, TrainJob
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeBatches, CubeSet
from vadbench.training.fit import fit, save_weights
from vadbench.training.machine import device, set_up_torch, use_bfloat16
from vadbench.training.stage import Stage

__all__ = ["flows_of", "frames_of", "score_cubes", "train_on_cubes", "write_scores"]

Floats = npt.NDArray[np.float64]
LAST = torch.channels_last
BATCH = 128


def flows_of(batch: Mapping[str, Tensor], name: str = "flow") -> Tensor:
    """Returns flows (B, 4, 2, H, W) float32 out of a batch of cubes."""
    return batch[name].permute(0, 1, 4, 2, 3).float()


def frames_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Returns frames (B, 15, H, W), BGR, 0 to 1; grey cubes are repeated over the channels."""
    frames = batch["frames"].permute(0, 1, 4, 2, 3)
    if frames.shape[2] == 1:
        frames = frames.expand(-1, -1, 3, -1, -1)
    return (frames.flatten(1, 2).float() / 255).contiguous(memory_format=LAST)


def train_on_cubes(
    job: TrainJob,
    make: Callable[[], Stage],
    fields: Sequence[str],
    score: Callable[[nn.Module, Sequence[Path], Path | None], dict[str, Floats]],
    extra: Mapping[str, Path] | None = None,
) -> None:
    """Trains one stage and writes its weights.

    Args:
        job: What to train.
        make: Builds the stage; its initial weights are drawn from the job's seed.
        fields: Arrays of the cubes that its steps read.
        score: Scores cubes with the stage's networks, to choose an epoch on the test set.
        extra: Further arrays with a row per cube; see `CubeSet`.

    Raises:
        VadbenchError: There are no cubes, or an input is damaged.
    """
    set_up_torch(job.threads)
    torch.manual_seed(_seed(job, "weights"))
    stage = make()
    training = stage.training_settings
    batches = CubeBatches(
        CubeSet(job.cubes, fields, extra),
        training.batch_size,
        seed=_seed(job, "order"),
        samples_per_epoch=training.samples_per_epoch,
        memory_gb=job.memory_gb,
    )
    inputs = [*job.weights.values(), *job.cubes, *([job.frozen] if job.frozen else [])]
    about = {
        "method": job.method,
        "variant": job.variant,
        "stage": job.stage,
        "dataset": job.dataset,
        "seed": job.seed,
        "settings": dict(job.effective),
        "code": job.code,
    }
    networks = stage.networks
    after_epoch = None
    if job.test is not None:
        best, test = job.output.with_suffix(".best_test.safetensors"), job.test

        def judge() -> float:
            train_clips = [path.stem for path in job.cubes]
            train = Scores.of_cubes(train_clips, job.cubes, score(networks, job.cubes, job.frozen))
            return test.judge(train, _test_scores(networks, test, score))

        def keep(value: float, epoch: int) -> None:
            facts = about | {"chosen": "best test AUC", "epoch": epoch, "test_auc": value}
            save_weights(networks.state_dict(), best, facts, inputs)

        after_epoch = (judge, keep)
    fit(
        stage,
        batches,
        epochs=training.epochs,
        seed=_seed(job, "steps"),
        work=job.work,
        precision=job.precision,
        about=about | {"inputs": [file_digest(item) for item in inputs]},
        after_epoch=after_epoch,
    )
    save_weights(networks.state_dict(), job.output, about, inputs)
    (job.work / "last.ckpt").unlink(missing_ok=True)


def _test_scores(
    networks: nn.Module,
    test: TestSet,
    score: Callable[[nn.Module, Sequence[Path], Path | None], dict[str, Floats]],
) -> Scores:
    return Scores.of_cubes(test.clips, test.cubes, score(networks, test.cubes, test.frozen))


def _seed(job: TrainJob, purpose: str) -> int:
    # Stages and purposes must not share a stream of random numbers.
    text = f"{job.seed} {job.stage} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])


def score_cubes(
    networks: nn.Module,
    compute: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    cubes: Sequence[Path],
    fields: Sequence[str],
    precision: str,
    seed: int,
    extra: Mapping[str, Path] | None = None,
) -> dict[str, Floats]:
    """Scores cubes in order.

    Args:
        networks: Set to evaluation and moved to where it runs fastest.
        compute: Returns a raw score (B,) of each component for a batch of cubes.
        cubes: Cubes artefacts, in order.
        fields: Arrays of the cubes that `compute` reads.
        precision: "auto", "32" or "bf16".
        seed: Seed of what is drawn at test time.
        extra: Further arrays with a row per cube; see `CubeSet`.

    Returns:
        For each component (N,) float64.
    """
    place = device()
    networks.eval().to(place)
    found: dict[str, list[Tensor]] = {}
    torch.manual_seed(seed)
    with (
        torch.inference_mode(),
        torch.autocast(place.type, torch.bfloat16, enabled=use_bfloat16(precision)),
    ):
        for stored in CubeSet(cubes, fields, extra).in_order(BATCH):
            batch = {name: values.to(place) for name, values in stored.items()}
            for name, values in compute(batch).items():
                found.setdefault(name, []).append(values.double().cpu())
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def write_scores(job: ScoreJob, scores: Mapping[str, Floats]) -> None:
    """Writes scores of the job's cubes, in their order, as its `scores` artefact."""
    Scores.of_cubes([clip.name for clip in job.clips], job.cubes, scores).save(
        job.output,
        Identity(job.dataset, job.split),
        settings={"method": job.method, "variant": job.variant, "seed": job.seed}
        | job.settings.plain(),
        inputs=[*job.weights.values(), *job.cubes, *([job.frozen] if job.frozen else [])],
        code=job.code,
    )
