"""Trains HF2-VAD's stages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from vadbench.methods import TrainJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.score import object_scores
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FinetuneStage, FlowStage, FrameStage
from vadbench.training.cubes import train_on_cubes
from vadbench.training.stage import Stage

__all__ = ["train_stage"]

_STAGES = {"flow": FlowStage, "cvae": FrameStage, "finetune": FinetuneStage}


def train_stage(job: TrainJob) -> None:
    """Trains one stage and writes its weights."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)

    def make() -> Stage:
        networks = Networks(settings, flow=job.stage != "cvae", frame=job.stage != "flow")
        networks.load(job.weights)
        return _STAGES[job.stage](networks, settings, getattr(settings, job.stage))

    def score(
        networks: nn.Module, cubes: Sequence[Path], frozen: Path | None
    ) -> dict[str, npt.NDArray[np.float64]]:
        assert isinstance(networks, Networks)
        return object_scores(networks, settings, cubes, job.precision, job.seed, frozen)

    fields = ["flow"] if job.stage == "flow" else ["frames", "flow"]
    extra = {} if job.frozen is None else {"reconstructed": job.frozen}
    train_on_cubes(job, make, fields, score, extra)
