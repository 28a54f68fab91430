"""Convolutional autoencoder of Hasan et al., CVPR 2016, as a method outside the package.

Without the paper's augmentation by skipped frames; unpooling is by strided convolutions.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from vadbench.methods import Method, ScoreJob, TrainJob, Variant, register
from vadbench.settings import Settings
from vadbench.training.settings import StageSettings


class ConvAutoencoderSettings(Settings):
    """conv_autoencoder."""

    widths: list[int] = Field([512, 256, 128], description="channels of the three levels")
    reconstruct: StageSettings = Field(default_factory=StageSettings, description="the only stage")


@register
class ConvAutoencoder(Method):
    """Hasan et al., CVPR 2016."""

    name = "conv_autoencoder"
    settings_model = ConvAutoencoderSettings
    train_code = ("conv_autoencoder.network",)
    score_code = ("conv_autoencoder.score",)
    reads: ClassVar[Literal["cubes", "views"]] = "views"

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {"full": Variant("reconstruction of ten frames", {"reconstruct": "full"})}

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        return settings.plain()

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        return {"widths": settings.plain()["widths"]}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        return {"reconstruction_error": 1.0}

    def train(self, job: TrainJob) -> None:
        from conv_autoencoder.network import train_stage

        train_stage(job)

    def score(self, job: ScoreJob) -> None:
        from conv_autoencoder.score import score_split

        score_split(job)
