"""Trains HF2-VAD's stages."""

from collections.abc import Callable

from vadbench.methods import TrainJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FinetuneStage, FlowStage, FrameStage
from vadbench.training.data import CubeSet
from vadbench.training.run import train
from vadbench.training.settings import StageSettings
from vadbench.training.stage import Stage

__all__ = ["train_stage"]

_Make = Callable[[Networks, HF2VADSettings, StageSettings], Stage]
_STAGES: dict[str, _Make] = {"flow": FlowStage, "cvae": FrameStage, "finetune": FinetuneStage}


def train_stage(job: TrainJob) -> None:
    """Trains one stage and writes its weights."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)

    def make() -> Stage:
        networks = Networks(settings, flow=job.stage != "cvae", frame=job.stage != "flow")
        networks.load(job.weights)
        return _STAGES[job.stage](networks, settings, getattr(settings, job.stage))

    def samples(stage: Stage) -> CubeSet:
        fields = ["flow"] if job.stage == "flow" else ["frames", "flow"]
        return CubeSet(job.cubes, fields, {"reconstructed": job.frozen} if job.frozen else {})

    train(job, make, samples)
