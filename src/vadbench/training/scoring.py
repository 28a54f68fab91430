"""Scores samples and whole splits: all that is no method's own.

Neither training nor frozen stages import this: an edit here, or of how a method scores, trains
nothing again.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vadbench.artefacts import Identity
from vadbench.methods import ScoreJob, Scorer, inputs_of
from vadbench.training.data import Samples
from vadbench.training.inference import Compute, compute_batches
from vadbench.training.machine import number_format

__all__ = ["save_scores", "score_samples"]

Floats = npt.NDArray[np.float64]


def score_samples(
    networks: nn.Module,
    compute: Compute,
    samples: Samples,
    batch_size: int,
    precision: str,
    seed: int,
) -> dict[str, Floats]:
    """Scores samples in order, without gradients.

    Args:
        networks: Set to evaluation and moved to where it runs fastest.
        compute: Returns a raw score (B,) of each component for a batch of samples.
        samples: The samples.
        batch_size: Samples per call.
        precision: "auto", "32" or "bf16".
        seed: Seed of what is drawn at test time.

    Returns:
        For each component (N,) float64.
    """
    found: dict[str, list[Tensor]] = {}

    def keep(scores: dict[str, Tensor]) -> None:
        for name, values in scores.items():
            found.setdefault(name, []).append(values.double().cpu())

    torch.manual_seed(seed)
    compute_batches(networks, compute, samples, batch_size, precision, keep)
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def save_scores(job: ScoreJob, networks: nn.Module, score: Scorer) -> None:
    """Scores the job's clips and writes its `scores` artefact."""
    clips = [clip.name for clip in job.clips]
    score(networks, clips, [*job.cubes, *job.views], job.frozen).save(
        job.output,
        Identity(job.dataset, job.split),
        settings={"method": job.method, "variant": job.variant, "seed": job.seed}
        | {"computed_in": number_format(job.precision)}
        | job.settings.plain(),
        inputs=inputs_of(job),
        code=job.code,
    )
