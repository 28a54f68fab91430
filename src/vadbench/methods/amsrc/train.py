"""Trains AMSRC."""

from vadbench.methods import TrainJob
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.methods.amsrc.stage import PredictStage
from vadbench.training.data import CubeSet
from vadbench.training.run import train

__all__ = ["train_stage"]


def train_stage(job: TrainJob) -> None:
    """Trains the network and writes its weights."""
    settings = job.settings
    assert isinstance(settings, AMSRCSettings)
    fields = ["frames", "flow"] if settings.streams == "both" else ["frames"]
    train(job, lambda: PredictStage(settings), lambda stage: CubeSet(job.cubes, fields))
