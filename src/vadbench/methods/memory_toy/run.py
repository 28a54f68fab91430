"""Trains a memory autoencoder on digits and scores with it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from vadbench.methods import ScoreJob, TrainJob
from vadbench.methods.hf2vad.networks import FlowAutoencoder
from vadbench.methods.memory_toy.settings import MemoryToySettings
from vadbench.networks.losses import addressing_entropy, squared_error
from vadbench.scoring.scores import Scores
from vadbench.training.data import ViewSet
from vadbench.training.inputs import CUBE_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.run import save_scores, score_samples, train
from vadbench.training.stage import Stage

__all__ = ["build", "images_of", "score_split", "train_stage"]


def images_of(batch: dict[str, Tensor]) -> Tensor:
    """Returns (B, 1, H, W), 0 to 1."""
    return batch["frames"][:, 0].permute(0, 3, 1, 2).float() / 255


def build(settings: MemoryToySettings) -> FlowAutoencoder:
    """Builds the autoencoder of a variant."""
    return FlowAutoencoder(settings.memories, settings.skips, settings.memory_slots, channels=1).to(
        memory_format=torch.channels_last
    )


class ReconstructStage(Stage):
    """Squared error and addressing entropy, as HF2-VAD's Eq. 3."""

    networks: FlowAutoencoder

    def __init__(self, settings: MemoryToySettings) -> None:
        super().__init__(build(settings), settings.reconstruct)
        self.entropy_weight = settings.entropy_weight

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs `frames`."""
        images = images_of(batch)
        made, addressed = self.networks(images)
        error = F.mse_loss(made.float(), images)
        entropy = torch.stack([addressing_entropy(weights) for weights in addressed]).sum()
        self.log({"error": error, "entropy": entropy})
        return error + self.entropy_weight * entropy


def train_stage(job: TrainJob) -> None:
    """Trains the autoencoder and writes its weights."""
    settings = job.settings
    assert isinstance(settings, MemoryToySettings)

    def score(
        network: nn.Module, clips: Sequence[str], views: Sequence[Path], frozen: Path | None
    ) -> Scores:
        return _scores(network, clips, views, job.precision, job.seed)

    train(
        job,
        lambda: ReconstructStage(settings),
        lambda stage: ViewSet(job.views, {"frames": (0,)}),
        score,
    )


def score_split(job: ScoreJob) -> None:
    """Scores all digits of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, MemoryToySettings)
    set_up_torch(job.threads)
    network = build(settings)
    network.load_state_dict(load_file(job.weights["reconstruct"]))
    save_scores(job, lambda clips, views: _scores(network, clips, views, job.precision, job.seed))


def _scores(
    network: nn.Module, clips: Sequence[str], views: Sequence[Path], precision: str, seed: int
) -> Scores:
    """Scores every digit by the squared error of its reconstruction."""

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        images = images_of(batch)
        return {"reconstruction_error": squared_error(network(images)[0].float(), images)}

    samples = ViewSet(views, {"frames": (0,)})
    found = score_samples(network, compute, samples, CUBE_BATCH, precision, seed)
    return Scores.of_frames(clips, np.diff(samples.starts).tolist(), found)
