"""The score; training imports none of it, so an edit here trains nothing again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from conv_autoencoder.network import FRAMES, Autoencoder, frames_of, samples
from vadbench.methods import ScoreJob
from vadbench.scoring.scores import Scores, fill_start
from vadbench.training.inputs import FRAME_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.scoring import save_scores, score_samples


def score_split(job: ScoreJob) -> None:
    """Scores all frames of a split; the first nine of a clip have the tenth's score."""
    set_up_torch(job.threads)
    network = Autoencoder(job.settings)
    network.load_state_dict(load_file(job.weights["reconstruct"]))
    save_scores(job, network, lambda net, clips, views, _: _score(net, clips, views, job.precision))


def _score(net: nn.Module, clips: Sequence[str], views: Sequence[Path], precision: str) -> Scores:
    """Scores every frame by the squared error of the ten frames that it ends."""

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        frames = frames_of(batch)
        return {"reconstruction_error": (net(frames).float() - frames).square().sum((1, 2, 3))}

    read = samples(views)
    found = score_samples(net, compute, read, FRAME_BATCH, precision, seed=0)
    frames = {name: fill_start(values, read.starts, FRAMES - 1) for name, values in found.items()}
    return Scores.of_frames(clips, (np.diff(read.starts) + FRAMES - 1).tolist(), frames)
