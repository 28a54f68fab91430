"""Trains HF2-VAD's stages."""

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import hdf5plugin
import torch
from torch import Tensor

from vadbench.artefacts import file_digest
from vadbench.artefacts.store import commit, temporary_beside
from vadbench.half import to_half
from vadbench.methods import TestSet, TrainJob
from vadbench.methods.hf2vad.model import Networks, flows_of
from vadbench.methods.hf2vad.score import object_scores
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FinetuneStage, FlowStage, FrameStage
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeBatches, CubeSet
from vadbench.training.fit import fit, save_weights
from vadbench.training.machine import device, set_up_torch, use_bfloat16

__all__ = ["reconstruct_flows", "train_stage"]

log = logging.getLogger(__name__)
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
    extra = {}
    if job.stage == "cvae" and settings.condition == "reconstructed":
        extra["reconstructed"] = reconstruct_flows(job)
    batches = CubeBatches(
        CubeSet(job.cubes, fields, extra),
        own.batch_size,
        seed=_seed(job, "order"),
        samples_per_epoch=own.samples_per_epoch,
        memory_gb=job.memory_gb,
    )
    inputs = [*job.weights.values(), *job.cubes]
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
    for name in ("last.ckpt", "reconstructed.h5"):
        (job.work / name).unlink(missing_ok=True)


def _seed(job: TrainJob, purpose: str) -> int:
    # Stages and purposes must not share a stream of random numbers.
    text = f"{job.seed} {job.stage} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])


def reconstruct_flows(job: TrainJob) -> Path:
    """Computes what the frozen flow autoencoder makes of the training cubes, once.

    Returns:
        An HDF5 file with `reconstructed`, (N, 4, H, W, 2) float16; one that is there already and
        was made from the same weights and cubes is used again.
    """
    path = job.work / "reconstructed.h5"
    digests = [file_digest(item) for item in (*job.weights.values(), *job.cubes)]
    key = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    if path.is_file():
        with h5py.File(path, "r") as file:
            if file.attrs.get("key") == key:
                return path
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)
    networks = Networks(settings, flow=True, frame=False)
    networks.load(job.weights)
    networks.eval().to(device())
    cubes = CubeSet(job.cubes, ["flow"])
    log.info("reconstructing the flows of %d cubes", len(cubes))
    handle, temporary = temporary_beside(path)
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file, torch.inference_mode():
            dataset, start = None, 0
            for batch in cubes.in_order(128):
                values = _reconstructed(networks, batch, job.precision).permute(0, 1, 3, 4, 2)
                rows = to_half(values.cpu().numpy())
                if dataset is None:
                    dataset = file.create_dataset(
                        "reconstructed",
                        (len(cubes), *rows.shape[1:]),
                        "float16",
                        chunks=(min(64, len(cubes)), *rows.shape[1:]),
                        **hdf5plugin.Bitshuffle(cname="lz4"),
                    )
                dataset[start : start + len(rows)] = rows
                start += len(rows)
            file.attrs["key"] = key
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _reconstructed(networks: Networks, batch: dict[str, Tensor], precision: str) -> Tensor:
    flows = flows_of({"flow": batch["flow"].to(device())})
    with torch.autocast(device().type, torch.bfloat16, enabled=use_bfloat16(precision)):
        return networks.reconstruct(flows)[0].float()


def _test_scorer(job: TrainJob, networks: Networks, test: TestSet) -> Callable[[], float]:
    """Returns a function that scores training and test set and has the scores judged."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)

    def scored(clips: Sequence[str], cubes: Sequence[Path]) -> Scores:
        scores = object_scores(networks, settings, cubes, job.precision, job.seed)
        return Scores.of_cubes(clips, cubes, scores)

    def score() -> float:
        train = scored([path.stem for path in job.cubes], job.cubes)
        return test.judge(train, scored(test.clips, test.cubes))

    return score
