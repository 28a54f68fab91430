"""Settings of flow_duality; what each data set has by default is in paper.yaml."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings
from vadbench.training.settings import StageSettings

__all__ = ["FlowDualitySettings"]


class FlowDualitySettings(Settings):
    """flow_duality."""

    motion_widths: list[int] = Field(
        [64, 128, 256, 512, 512],
        min_length=2,
        description="channels of the motion network at full size and after each halving",
    )
    frame_widths: list[int] = Field(
        [64, 128, 256, 512], min_length=2, description="the same of the frame network"
    )
    guided: bool = Field(True, description="whether predicted flow guides the frame prediction")
    colours: Literal["fixed", "image"] = Field(
        "fixed",
        description="speed of full saturation in the flow's colours: fixed, a percentile of the "
        "training flows; image, the largest of each frame, as common code has it",
    )
    radius_percentile: float = Field(
        99.0, gt=0, le=100, description="percentile of the training flows' speed (fixed colours)"
    )
    margin_weight: float = Field(0.004, ge=0, description="lambda of Eq. 5; 0 is no margin loss")
    margin: float = Field(0.2, ge=0, description="alpha of Eq. 4")
    motion: StageSettings = Field(
        default_factory=StageSettings, description="stage 1: frame to flow"
    )
    frame: StageSettings = Field(
        default_factory=StageSettings, description="stage 2: frame and predicted flow to next frame"
    )
