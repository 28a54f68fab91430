"""Trains AMSRC and scores with it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.methods import ScoreJob, TrainJob
from vadbench.methods.amsrc.networks import AMSRCNetwork
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.methods.amsrc.stage import PredictStage, predict
from vadbench.networks.losses import squared_error
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeSet
from vadbench.training.inputs import CUBE_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.run import save_scores, score_samples, train

__all__ = ["object_scores", "score_split", "train_stage"]


def train_stage(job: TrainJob) -> None:
    """Trains the network and writes its weights."""
    settings = job.settings
    assert isinstance(settings, AMSRCSettings)

    def score(
        network: nn.Module, clips: Sequence[str], cubes: Sequence[Path], frozen: Path | None
    ) -> Scores:
        assert isinstance(network, AMSRCNetwork)
        return Scores.of_cubes(clips, cubes, object_scores(network, cubes, job.precision, job.seed))

    fields = ["frames", "flow"] if settings.streams == "both" else ["frames"]
    train(job, lambda: PredictStage(settings), lambda stage: CubeSet(job.cubes, fields), score)


def score_split(job: ScoreJob) -> None:
    """Scores all cubes of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, AMSRCSettings)
    set_up_torch(job.threads)
    network = AMSRCNetwork(settings)
    network.load_state_dict(load_file(job.weights["predict"]))

    def score(clips: Sequence[str], cubes: Sequence[Path]) -> Scores:
        return Scores.of_cubes(clips, cubes, object_scores(network, cubes, job.precision, job.seed))

    save_scores(job, score)


def object_scores(
    network: AMSRCNetwork, cubes: Sequence[Path], precision: str, seed: int
) -> dict[str, npt.NDArray[np.float64]]:
    """Scores cubes in order.

    Returns:
        `prediction_error`, the squared error summed over the target frame's pixels and three
        channels, and, with both streams, `feature_inconsistency`; (N,) each.
    """

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        predicted, target, inconsistent = predict(network, batch)
        scores = {"prediction_error": squared_error(predicted, target)}
        return scores if inconsistent is None else {"feature_inconsistency": inconsistent} | scores

    fields = ["frames"] if network.motion is None else ["frames", "flow"]
    samples = CubeSet(cubes, fields)
    return score_samples(network, compute, samples, CUBE_BATCH, precision, seed)
