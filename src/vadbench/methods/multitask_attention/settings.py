"""Settings of multitask_attention; what each data set has by default is in paper.yaml."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings
from vadbench.teachers.segmentation.groups import CLASS_GROUPS
from vadbench.training.settings import StageSettings

__all__ = ["MultitaskAttentionSettings"]


class MultitaskAttentionSettings(Settings):
    """multitask_attention."""

    appearance_weights: str = Field(
        "imagenet",
        description="of the resnet34 encoder: imagenet (see vadbench fetch weights), none, or "
        "the path of a safetensors file",
    )
    motion_weights: str = Field("imagenet", description="of the vgg16 encoder, likewise")
    class_groups: dict[str, list[int]] = Field(
        default_factory=lambda: dict(CLASS_GROUPS),
        description="COCO categories by group: a channel of the segmentation map each, beside "
        "background and all other categories",
    )
    target: Literal["classes", "colour"] = Field(
        "classes",
        description="segmentation map that is learnt: a channel per group of classes, or a colour "
        "image, as the paper's figures show it",
    )
    patch_rows: int = Field(4, ge=1, description="patches down and across (16 patches)")
    future: bool = Field(
        True,
        description="the appearance branch sees frames t-1 and t and predicts the map of t+1; "
        "without, it translates frame t to its own map",
    )
    scale_percentile: float = Field(
        99.0, gt=0, le=100, description="percentile of the training magnitudes that becomes 1"
    )
    attention: Literal["none", "encoder", "decoder", "skip", "final"] = Field(
        "decoder", description="where the map of direction and depth attends (Table 4)"
    )
    scse: bool = Field(
        True, description="spatial and channel attention on the encoder's middle levels"
    )
    appearance: StageSettings = Field(
        default_factory=StageSettings, description="stage: frames to the next segmentation map"
    )
    motion: StageSettings = Field(
        default_factory=StageSettings, description="stage: frame to flow magnitude"
    )
