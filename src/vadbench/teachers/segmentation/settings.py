"""Settings of a segmentation artefact."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vadbench.methods import nearest
from vadbench.settings import Settings

__all__ = ["TORCHVISION_MODELS", "MaskRCNNSettings", "SegmentationSettings"]


TORCHVISION_MODELS = (
    "maskrcnn_resnet50_fpn_v2",
    "maskrcnn_resnet50_fpn",
    "maskrcnn_mobilenet_v3_large_fpn",
)
_DEFAULT_MODEL = {"torchvision": TORCHVISION_MODELS[0], "detectron2": "mask_rcnn_R_50_FPN_3x"}


class MaskRCNNSettings(Settings):
    """Mask R-CNN by torchvision or detectron2."""

    library: Literal["torchvision", "detectron2"] = Field(
        "torchvision", description="whose network; detectron2 wants envs/detectron2.yaml"
    )
    model: str = Field(
        _DEFAULT_MODEL["torchvision"],
        description="network: of torchvision maskrcnn_resnet50_fpn_v2 (the default), "
        "maskrcnn_resnet50_fpn or maskrcnn_mobilenet_v3_large_fpn; of detectron2 any configuration "
        "of its model zoo (default mask_rcnn_R_50_FPN_3x), one that is not of "
        "COCO-InstanceSegmentation with its folder, as Misc/cascade_mask_rcnn_R_50_FPN_3x",
    )
    weights: str | None = Field(
        None,
        description="weights file (.pth, .safetensors, of detectron2 also its .pkl) of a network "
        "of COCO's categories; null: the library's own, see vadbench fetch weights",
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

    @model_validator(mode="before")
    @classmethod
    def _default_model(cls, values: Any) -> Any:
        if isinstance(values, dict) and "model" not in values:
            library = values.get("library", "torchvision")
            return values | {"model": _DEFAULT_MODEL.get(library, "")}
        return values

    @model_validator(mode="after")
    def _known_model(self) -> Self:
        if self.library == "torchvision" and self.model not in TORCHVISION_MODELS:
            raise ValueError(
                f"torchvision has no Mask R-CNN {self.model!r}"
                f"{nearest(self.model, TORCHVISION_MODELS)}; for a network of detectron2's model "
                "zoo add library: detectron2"
            )
        return self


class SegmentationSettings(Settings):
    """One segmentation artefact."""

    backend: Literal["annotations", "motion", "maskrcnn", "import"] = Field(
        description="annotations: the instance masks that the data set ships; motion: what differs "
        "from a model of the background, which needs no weights and knows no classes; maskrcnn: "
        "Mask R-CNN by torchvision or detectron2; import: masks that others computed"
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
    import_path: dict[Literal["train", "test"], str] = Field(
        default_factory=dict,
        description="by split: a file of COCO results with RLE masks (.json), or a folder with a "
        "<clip>.json or a folder <clip> of label pictures (.png, one per frame) for each clip; "
        "absolute, or below the working folder or the data root (import)",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.backend == "import" and not self.import_path:
            raise ValueError("backend 'import' needs import_path with a path for train and test")
        return self

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
