"""Raw scores of AMSRC."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file
from torch import Tensor, nn

from vadbench.methods import ScoreJob, Scorer, TrainJob
from vadbench.methods.amsrc.networks import AMSRCNetwork
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.methods.amsrc.stage import predict
from vadbench.networks.losses import squared_error
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeSet
from vadbench.training.inputs import CUBE_BATCH
from vadbench.training.machine import set_up_torch
from vadbench.training.scoring import save_scores, score_samples

__all__ = ["object_scores", "score_split", "scorer"]


def score_split(job: ScoreJob) -> None:
    """Scores all cubes of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, AMSRCSettings)
    set_up_torch(job.threads)
    network = AMSRCNetwork(settings)
    network.load_state_dict(load_file(job.weights["predict"]))
    save_scores(job, network, scorer(job))


def scorer(job: ScoreJob | TrainJob) -> Scorer:
    """Returns what scores the cubes of clips; see `object_scores`."""

    def score(
        network: nn.Module, clips: Sequence[str], cubes: Sequence[Path], frozen: Path | None
    ) -> Scores:
        assert isinstance(network, AMSRCNetwork)
        return Scores.of_cubes(clips, cubes, object_scores(network, cubes, job.precision, job.seed))

    return score


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
