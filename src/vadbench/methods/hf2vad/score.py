"""Raw scores of HF2-VAD: squared errors of flow reconstruction and frame prediction (Sec. 3.3)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from vadbench.artefacts import open_artefact
from vadbench.methods import ScoreJob, Scorer, TrainJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.networks.folding import fold_batch_norms
from vadbench.networks.losses import squared_error
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeSet
from vadbench.training.inputs import CUBE_BATCH, flows_of, frames_of
from vadbench.training.machine import set_up_torch
from vadbench.training.scoring import save_scores, score_samples

__all__ = ["object_scores", "score_split", "scorer"]


def score_split(job: ScoreJob) -> None:
    """Scores all cubes of a split and writes the `scores` artefact."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)
    set_up_torch(job.threads)
    networks = Networks(
        settings,
        flow="flow" in job.weights and job.frozen is None,
        frame="cvae" in job.weights,
    )
    networks.load(job.weights)
    fold_batch_norms(networks)
    save_scores(job, networks, scorer(job))


def scorer(job: ScoreJob | TrainJob) -> Scorer:
    """Returns what scores the cubes of clips; see `object_scores`."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)

    def score(
        networks: nn.Module, clips: Sequence[str], cubes: Sequence[Path], frozen: Path | None
    ) -> Scores:
        assert isinstance(networks, Networks)
        values = object_scores(networks, settings, cubes, job.precision, job.seed, frozen)
        return Scores.of_cubes(clips, cubes, values)

    return score


def object_scores(
    networks: Networks,
    settings: HF2VADSettings,
    cubes: Sequence[Path],
    precision: str,
    seed: int,
    frozen: Path | None = None,
) -> dict[str, npt.NDArray[np.float64]]:
    """Scores cubes in order.

    Args:
        networks: The networks; without the flow autoencoder where `frozen` is given.
        settings: Settings of the variant.
        cubes: Cubes artefacts, in order.
        precision: "auto", "32" or "bf16".
        seed: Seed of a stochastic latent.
        frozen: What the frozen flow autoencoder made of the cubes (`reconstructions`).

    Returns:
        `flow_reconstruction`, the sum of squared errors over four flows, and `frame_prediction`,
        that over the target frame's pixels and three channels, (N,) each; of the networks that
        take part.
    """
    known = {}
    if frozen is not None:
        with open_artefact(frozen, "reconstructions") as artefact:
            known["flow_reconstruction"] = artefact["errors"][:]
        if networks.cvae is None:
            return known

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        flows, scores = flows_of(batch), {}
        reconstructed = flows_of(batch, "reconstructed") if frozen is not None else None
        if networks.flow is not None:
            reconstructed = networks.reconstruct(flows)[0].float()
            scores["flow_reconstruction"] = squared_error(reconstructed, flows)
        if networks.cvae is not None:
            frames, condition = frames_of(batch), networks.condition(flows, reconstructed)
            sample = settings.sampling == "stochastic"
            predicted = networks.cvae(frames[:, :-3], condition, sample=sample)[0].float()
            scores["frame_prediction"] = squared_error(predicted, frames[:, -3:])
        return scores

    fields = ["flow"] if networks.cvae is None else ["frames", "flow"]
    extra = {} if frozen is None else {"reconstructed": frozen}
    samples = CubeSet(cubes, fields, extra)
    return known | score_samples(networks, compute, samples, CUBE_BATCH, precision, seed)
