"""Trains a memory autoencoder on digits."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vadbench.methods import TrainJob
from vadbench.methods.hf2vad.networks import FlowAutoencoder
from vadbench.methods.memory_toy.model import build, images_of
from vadbench.methods.memory_toy.settings import MemoryToySettings
from vadbench.networks.losses import addressing_entropy
from vadbench.training.data import ViewSet
from vadbench.training.run import train
from vadbench.training.stage import Stage

__all__ = ["ReconstructStage", "train_stage"]


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
    train(
        job,
        lambda: ReconstructStage(settings),
        lambda stage: ViewSet(job.views, {"frames": (0,)}),
    )
