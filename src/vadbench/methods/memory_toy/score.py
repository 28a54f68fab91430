"""Scores digits with a memory autoencoder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.methods import ScoreJob, Scorer, TrainJob
from vadbench.methods.memory_toy.model import build, images_of
from vadbench.methods.memory_toy.settings import MemoryToySettings
from vadbench.networks.losses import squared_error
from vadbench.scoring.scores import Scores
from vadbench.training.data import ViewSet
from vadbench.training.inputs import CUBE_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.scoring import save_scores, score_samples

__all__ = ["score_split", "scorer"]


def score_split(job: ScoreJob) -> None:
    """Scores all digits of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, MemoryToySettings)
    set_up_torch(job.threads)
    network = build(settings)
    network.load_state_dict(load_file(job.weights["reconstruct"]))
    save_scores(job, network, scorer(job))


def scorer(job: ScoreJob | TrainJob) -> Scorer:
    """Returns what scores every digit by the squared error of its reconstruction."""

    def score(
        network: nn.Module, clips: Sequence[str], views: Sequence[Path], frozen: Path | None
    ) -> Scores:
        def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            images = images_of(batch)
            return {"reconstruction_error": squared_error(network(images)[0].float(), images)}

        samples = ViewSet(views, {"frames": (0,)})
        found = score_samples(network, compute, samples, CUBE_BATCH, job.precision, job.seed)
        return Scores.of_frames(clips, np.diff(samples.starts).tolist(), found)

    return score
