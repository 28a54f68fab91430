"""Trains the stages of every method: all that is no method's own."""

import hashlib
from collections.abc import Callable

import torch

from vadbench.artefacts import file_digest
from vadbench.errors import VadbenchError
from vadbench.methods import TrainJob, get_method, inputs_of
from vadbench.training.data import LEAST_GB, Batches, Samples
from vadbench.training.machine import number_format, set_up_torch
from vadbench.training.stage import Stage

__all__ = ["train"]


def train(
    job: TrainJob,
    make: Callable[[], Stage],
    samples: Callable[[Stage], Samples],
) -> None:
    """Trains one stage and writes its weights.

    Args:
        job: What to train.
        make: Builds the stage; its initial weights are drawn from the job's seed.
        samples: Opens the training samples of a stage.

    Raises:
        VadbenchError: There are no samples, an input is damaged, or the settings want pretrained
            weights and the job has none.
    """
    method = get_method(job.method)
    start = method.pretrained(job.settings, job.stage)
    if start is not None and (start.weights == "none") != (job.pretrained is None):
        raise VadbenchError(
            f"{job.method}, stage {job.stage}: {start.key} is {start.weights!r}, but the job has "
            f"{'no file of pretrained weights' if job.pretrained is None else job.pretrained}"
        )
    # Lightning takes seconds to import, and what scores or applies networks needs none of it.
    from vadbench.training.fit import BestEpoch, ChosenEpoch, LeastLoss, alone, fit, save_weights

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
        # Each process holds samples of its own.
        memory_gb=max(LEAST_GB, job.memory_gb / job.devices),
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
    best: ChosenEpoch | None = LeastLoss(networks) if job.least_loss else None
    if job.test is not None:
        test, paths = job.test, [*job.cubes, *job.views]
        score = method.scorer(job)

        def judge() -> float:
            own = score(networks, [path.stem for path in paths], paths, job.frozen)
            return test.judge(own, score(networks, test.clips, test.paths, test.frozen))

        read = [*test.paths, *([] if test.frozen is None else [test.frozen])]
        judged = {**test.about, "inputs": [file_digest(item) for item in read]}
        best = BestEpoch(networks, judge, judged)
    with alone(job.work, job.devices):
        writes = fit(
            stage,
            batches,
            epochs=training.epochs,
            seed=_seed(job, "steps"),
            work=job.work,
            precision=job.precision,
            about=about | {"inputs": [file_digest(item) for item in inputs]},
            best=best,
            devices=job.devices,
            threads=threads,
        )
        if writes:
            if best is not None:
                second = job.output.with_suffix(f".{best.name}.safetensors")
                save_weights(best.weights, second, about | best.facts(), inputs)
            save_weights(networks.state_dict(), job.output, about, inputs)
            (job.work / "last.ckpt").unlink(missing_ok=True)


def _seed(job: TrainJob, purpose: str) -> int:
    # Stages and purposes must not share a stream of random numbers.
    text = f"{job.seed} {job.stage} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])
