"""The network, its loss and its score; all else is vadbench's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from conv_autoencoder.method import FRAMES, ConvAutoencoderSettings
from vadbench.methods import ScoreJob, TrainJob
from vadbench.scoring.scores import Scores, fill_start
from vadbench.training.data import ViewSet
from vadbench.training.inputs import FRAME_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.run import save_scores, score_samples, train
from vadbench.training.stage import Stage


def frames_of(batch: dict[str, Tensor]) -> Tensor:
    """Returns (B, 10, H, W), grey, 0 to 1."""
    return batch["frames"].float().mean(dim=-1) / 255


class Autoencoder(nn.Sequential):
    """(B, 10, H, W) to the same; sides are multiples of 16."""

    def __init__(self, settings: ConvAutoencoderSettings) -> None:
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

    def __init__(self, settings: ConvAutoencoderSettings) -> None:
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
    train(
        job,
        lambda: ReconstructStage(job.settings),
        lambda stage: samples(job.views),
        lambda network, clips, views, frozen: score(network, clips, views, job.precision),
    )


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split; the first nine of a clip have the tenth's score."""
    set_up_torch(job.threads)
    network = Autoencoder(job.settings)
    network.load_state_dict(load_file(job.weights["reconstruct"]))
    save_scores(job, lambda clips, views: score(network, clips, views, job.precision))


def score(
    network: nn.Module, clips: Sequence[str], views: Sequence[Path], precision: str
) -> Scores:
    """Scores every frame by the squared error of the ten frames that it ends."""

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        frames = frames_of(batch)
        error = (network(frames).float() - frames).square().flatten(1).sum(dim=1)
        return {"reconstruction_error": error}

    read = samples(views)
    found = score_samples(network, compute, read, FRAME_BATCH, precision, seed=0)
    frames = {name: fill_start(values, read.starts, FRAMES - 1) for name, values in found.items()}
    return Scores.of_frames(clips, (np.diff(read.starts) + FRAMES - 1).tolist(), frames)
