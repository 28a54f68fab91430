"""Settings of object_class_aware; what each data set has by default is in paper.yaml."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings
from vadbench.teachers.segmentation.groups import CLASS_GROUPS
from vadbench.training.settings import StageSettings

__all__ = ["ObjectClassAwareSettings"]


class ObjectClassAwareSettings(Settings):
    """object_class_aware."""

    encoder_weights: str = Field(
        "imagenet",
        description="imagenet (see vadbench fetch weights), none, or the path of "
        "a safetensors file of the encoder",
    )
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
    patch_rows: int = Field(3, ge=1, description="patches down and across (K = 9)")
    masked: bool = Field(True, description="flow magnitude on objects only")
    scale_percentile: float = Field(
        99.0, gt=0, le=100, description="percentile of the training magnitudes that becomes 1"
    )
    refined: bool = Field(True, description="error maps are eroded and dilated once")
    appearance: StageSettings = Field(
        default_factory=StageSettings, description="stage: frame to segmentation map"
    )
    motion: StageSettings = Field(
        default_factory=StageSettings, description="stage: frame to flow magnitude"
    )
