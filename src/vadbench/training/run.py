"""Trains, applies and scores networks: all that is no method's own."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vadbench.artefacts import ArtefactWriter, Identity, file_digest
from vadbench.errors import VadbenchError
from vadbench.methods import ApplyJob, ExplainJob, ScoreJob, TrainJob, get_method
from vadbench.scoring.scores import Scores
from vadbench.training.data import Batches, Samples
from vadbench.training.machine import device, number_format, set_up_torch, use_bfloat16
from vadbench.training.stage import Stage

__all__ = [
    "Score",
    "compute_batches",
    "inputs_of",
    "output_writer",
    "save_scores",
    "score_samples",
    "train",
]

Floats = npt.NDArray[np.float64]
Compute = Callable[[dict[str, Tensor]], dict[str, Tensor]]
Score = Callable[[nn.Module, Sequence[str], Sequence[Path], Path | None], Scores]
"""Scores clips: the networks, clip names, their cubes or views, and outputs of a frozen stage."""


def inputs_of(job: TrainJob | ApplyJob | ScoreJob | ExplainJob) -> list[Path]:
    """Returns every file that a job's result is computed from."""
    frozen = None if isinstance(job, ApplyJob) else job.frozen
    pretrained = job.pretrained if isinstance(job, TrainJob) else None
    return [
        *job.weights.values(),
        *job.cubes,
        *job.views,
        *(path for path in (frozen, pretrained) if path is not None),
    ]


def train(
    job: TrainJob,
    make: Callable[[], Stage],
    samples: Callable[[Stage], Samples],
    score: Score,
) -> None:
    """Trains one stage and writes its weights.

    Args:
        job: What to train.
        make: Builds the stage; its initial weights are drawn from the job's seed.
        samples: Opens the training samples of a stage.
        score: Scores clips with the stage's networks, to choose an epoch on the test set.

    Raises:
        VadbenchError: There are no samples, an input is damaged, or the settings want pretrained
            weights and the job has none.
    """
    start = get_method(job.method).pretrained(job.settings, job.stage)
    if start is not None and (start.weights == "none") != (job.pretrained is None):
        raise VadbenchError(
            f"{job.method}, stage {job.stage}: {start.key} is {start.weights!r}, but the job has "
            f"{'no file of pretrained weights' if job.pretrained is None else job.pretrained}"
        )
    # Lightning takes seconds to import, and what scores or applies networks needs none of it.
    from vadbench.training.fit import alone, fit, save_weights

    threads = max(1, job.threads // job.devices)
    set_up_torch(threads)
    torch.manual_seed(_seed(job, "weights"))
    stage = make()
    training, networks = stage.training_settings, stage.networks
    batches = Batches(
        samples(stage),
        training.batch_size,
        seed=_seed(job, "order"),
        samples_per_epoch=training.samples_per_epoch,
        memory_gb=job.memory_gb,
    )
    inputs = inputs_of(job)
    about = {
        "method": job.method,
        "variant": job.variant,
        "stage": job.stage,
        "dataset": job.dataset,
        "seed": job.seed,
        "settings": dict(job.effective),
        "computed_in": number_format(job.precision),
        "code": job.code,
    }
    if job.devices > 1:
        # Sums over several processes are rounded otherwise.
        about["devices"] = job.devices
    after_epoch = None
    if job.test is not None:
        best, test = job.output.with_suffix(".best_test.safetensors"), job.test
        paths = [*job.cubes, *job.views]

        def judge() -> float:
            own = score(networks, [path.stem for path in paths], paths, job.frozen)
            return test.judge(own, score(networks, test.clips, test.paths, test.frozen))

        def keep(value: float, epoch: int) -> None:
            facts = about | {"chosen": "best test AUC", "epoch": epoch, "test_auc": value}
            save_weights(networks.state_dict(), best, facts, inputs)

        after_epoch = (judge, keep)
    with alone(job.work, job.devices):
        writes = fit(
            stage,
            batches,
            epochs=training.epochs,
            seed=_seed(job, "steps"),
            work=job.work,
            precision=job.precision,
            about=about | {"inputs": [file_digest(item) for item in inputs]},
            after_epoch=after_epoch,
            devices=job.devices,
            threads=threads,
        )
        if writes:
            save_weights(networks.state_dict(), job.output, about, inputs)
            (job.work / "last.ckpt").unlink(missing_ok=True)


def _seed(job: TrainJob, purpose: str) -> int:
    # Stages and purposes must not share a stream of random numbers.
    text = f"{job.seed} {job.stage} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])


def compute_batches(
    networks: nn.Module,
    compute: Compute,
    samples: Samples,
    batch_size: int,
    precision: str,
    keep: Callable[[dict[str, Tensor]], None],
) -> None:
    """Computes something of all samples in order, without gradients.

    Args:
        networks: Set to evaluation and moved to where it runs fastest.
        compute: Returns named tensors for a batch of samples.
        samples: The samples.
        batch_size: Samples per call.
        precision: "auto", "32" or "bf16".
        keep: Takes what each call returns.
    """
    place = device()
    networks.eval().to(place)
    with (
        torch.inference_mode(),
        torch.autocast(place.type, torch.bfloat16, enabled=use_bfloat16(precision)),
    ):
        for stored in samples.in_order(batch_size):
            keep(compute({name: values.to(place) for name, values in stored.items()}))


def output_writer(job: ApplyJob, kind: str) -> ArtefactWriter:
    """Returns the writer of what a frozen stage makes of a split, an artefact of a kind."""
    return ArtefactWriter(
        job.output,
        kind,
        Identity(job.dataset, job.split),
        0,
        settings={"method": job.method, "variant": job.variant, "seed": job.seed}
        | dict(job.effective),
        inputs=inputs_of(job),
        code=job.code,
    )


def score_samples(
    networks: nn.Module,
    compute: Compute,
    samples: Samples,
    batch_size: int,
    precision: str,
    seed: int,
) -> dict[str, Floats]:
    """Scores samples in order, without gradients.

    Args:
        networks: Set to evaluation and moved to where it runs fastest.
        compute: Returns a raw score (B,) of each component for a batch of samples.
        samples: The samples.
        batch_size: Samples per call.
        precision: "auto", "32" or "bf16".
        seed: Seed of what is drawn at test time.

    Returns:
        For each component (N,) float64.
    """
    found: dict[str, list[Tensor]] = {}

    def keep(scores: dict[str, Tensor]) -> None:
        for name, values in scores.items():
            found.setdefault(name, []).append(values.double().cpu())

    torch.manual_seed(seed)
    compute_batches(networks, compute, samples, batch_size, precision, keep)
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def save_scores(job: ScoreJob, score: Callable[[Sequence[str], Sequence[Path]], Scores]) -> None:
    """Scores the job's clips and writes its `scores` artefact."""
    score([clip.name for clip in job.clips], [*job.cubes, *job.views]).save(
        job.output,
        Identity(job.dataset, job.split),
        settings={"method": job.method, "variant": job.variant, "seed": job.seed}
        | {"computed_in": number_format(job.precision)}
        | job.settings.plain(),
        inputs=inputs_of(job),
        code=job.code,
    )
