"""Raw scores of HF2-VAD: squared errors of flow reconstruction and frame prediction (Sec. 3.3)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vadbench.artefacts import Identity, open_artefact
from vadbench.methods import ScoreJob
from vadbench.methods.hf2vad.model import Networks, flow_errors, flows_of, frames_of
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.scoring.scores import Scores
from vadbench.training.data import CubeSet
from vadbench.training.machine import device, set_up_torch, use_bfloat16

__all__ = ["object_scores", "score_split"]

BATCH = 128


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
    scores = object_scores(networks, settings, job.cubes, job.precision, job.seed, job.frozen)
    Scores.of_cubes([clip.name for clip in job.clips], job.cubes, scores).save(
        job.output,
        Identity(job.dataset, job.split),
        settings={"method": "hf2vad", "variant": job.variant, "seed": job.seed} | settings.plain(),
        inputs=[*job.weights.values(), *job.cubes, *([job.frozen] if job.frozen else [])],
        code=job.code,
    )


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
    found: dict[str, list[torch.Tensor]] = {}
    if frozen is not None:
        with open_artefact(frozen, "reconstructions") as artefact:
            found["flow_reconstruction"] = [torch.from_numpy(artefact["errors"][:])]
        if networks.cvae is None:
            return _joined(found)
    place = device()
    networks.eval().to(place)
    fields = ["flow"] if networks.cvae is None else ["frames", "flow"]
    rows = CubeSet(cubes, fields, {} if frozen is None else {"reconstructed": frozen})
    sample = settings.sampling == "stochastic"
    torch.manual_seed(seed)
    with (
        torch.inference_mode(),
        torch.autocast(place.type, torch.bfloat16, enabled=use_bfloat16(precision)),
    ):
        for stored in rows.in_order(BATCH):
            batch = {name: values.to(place) for name, values in stored.items()}
            flows = flows_of(batch)
            reconstructed = flows_of(batch, "reconstructed") if frozen is not None else None
            if networks.flow is not None:
                reconstructed = networks.reconstruct(flows)[0].float()
                errors = flow_errors(reconstructed, flows)
                found.setdefault("flow_reconstruction", []).append(errors.cpu())
            if networks.cvae is not None:
                frames = frames_of(batch)
                condition = networks.condition(flows, reconstructed)
                predicted = networks.cvae(frames[:, :-3], condition, sample=sample)[0].float()
                error = (predicted - frames[:, -3:]).square().flatten(1)
                found.setdefault("frame_prediction", []).append(
                    error.sum(dim=1, dtype=torch.float64).cpu()
                )
    return _joined(found)


def _joined(found: dict[str, list[torch.Tensor]]) -> dict[str, npt.NDArray[np.float64]]:
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}
