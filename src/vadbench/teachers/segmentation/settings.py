"""Settings of a segmentation artefact."""

from typing import Any, Literal

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["MaskRCNNSettings", "SegmentationSettings"]


class MaskRCNNSettings(Settings):
    """Mask R-CNN by torchvision."""

    model: Literal[
        "maskrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn", "maskrcnn_mobilenet_v3_large_fpn"
    ] = Field("maskrcnn_resnet50_fpn_v2", description="network, as torchvision names it")
    weights: str | None = Field(
        None,
        description="weights file (.pth or .safetensors) with a class per COCO category; null: "
        "torchvision's own, see vadbench fetch weights",
    )
    score_threshold: float = Field(0.5, ge=0, le=1, description="instances below it are dropped")
    mask_threshold: float = Field(
        0.5, gt=0, lt=1, description="probability from which a pixel belongs to an instance"
    )
    min_size: int = Field(
        800, ge=32, description="the shorter side is scaled to it, so small cameras are enlarged"
    )
    max_size: int = Field(1333, ge=32, description="and the longer side to this at most")
    batch_size: int = Field(4, ge=1, description="frames at a time")


class SegmentationSettings(Settings):
    """One segmentation artefact."""

    backend: Literal["annotations", "motion", "maskrcnn"] = Field(
        description="annotations: the instance masks that the data set ships; motion: what differs "
        "from a model of the background, which needs no weights and knows no classes; maskrcnn: "
        "Mask R-CNN by torchvision"
    )
    maskrcnn: MaskRCNNSettings = Field(
        MaskRCNNSettings(), description="used by the maskrcnn backend"
    )
    threshold: float = Field(
        16.0,
        gt=0,
        description="squared distance from the background, in variances, from which a pixel "
        "belongs to an object (motion)",
    )
    min_area: int = Field(40, ge=1, description="smallest object, pixels (motion)")

    def effective(self) -> dict[str, Any]:
        """Returns only what changes the masks; a weights file is an input of the job."""
        plain = self.plain()
        if self.backend == "motion":
            return {key: plain[key] for key in ("backend", "min_area", "threshold")}
        if self.backend == "maskrcnn":
            unused = ("batch_size", "weights")
            own = {key: value for key, value in plain["maskrcnn"].items() if key not in unused}
            return {"backend": self.backend, "maskrcnn": own}
        return {"backend": self.backend}
