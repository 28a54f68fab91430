"""The network, its loss and its training; all else is vadbench's."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from vadbench.methods import TrainJob
from vadbench.training.data import ViewSet
from vadbench.training.run import train
from vadbench.training.stage import Stage

if TYPE_CHECKING:
    from conv_autoencoder.method import ConvAutoencoderSettings

FRAMES = 10


def frames_of(batch: dict[str, Tensor]) -> Tensor:
    """Returns (B, 10, H, W), grey, 0 to 1."""
    return batch["frames"].float().mean(dim=-1) / 255


class Autoencoder(nn.Sequential):
    """(B, 10, H, W) to the same; sides are multiples of 16."""

    def __init__(self, settings: "ConvAutoencoderSettings") -> None:
        a, b, c = settings.widths
        super().__init__(
            *(nn.Conv2d(FRAMES, a, 11, stride=4, padding=5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
            *(nn.ConvTranspose2d(c, b, 2, stride=2), nn.ReLU()),
            *(nn.ConvTranspose2d(b, a, 2, stride=2), nn.ReLU()),
            *(nn.ConvTranspose2d(a, FRAMES, 12, stride=4, padding=4), nn.Sigmoid()),
        )


class ReconstructStage(Stage):
    """Squared error of all ten frames."""

    def __init__(self, settings: "ConvAutoencoderSettings") -> None:
        super().__init__(Autoencoder(settings), settings.reconstruct)

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step."""
        frames = frames_of(batch)
        return (self.networks(frames).float() - frames).square().mean()


def samples(views: Sequence[Path]) -> ViewSet:
    """Ten frames, each with the nine before it."""
    return ViewSet(views, {"frames": range(1 - FRAMES, 1)})


def train_stage(job: TrainJob) -> None:
    """Trains the network and writes its weights."""
    train(job, lambda: ReconstructStage(job.settings), lambda stage: samples(job.views))
