"""Settings of an objects artefact."""

from typing import Any, Literal

from pydantic import Field, model_validator

from vadbench.settings import Settings

__all__ = ["ObjectsSettings"]


class ObjectsSettings(Settings):
    """Where boxes come from; defaults are HF2-VAD's and VEC's for Ped2.

    Their values for the other data sets: Avenue confidence .25, min_area 1600, cover_threshold
    .6, binary_threshold 18, blur 5, min_contour_area 1600; ShanghaiTech .5, 64, .65, 15, 5, 1600.
    """

    source: Literal["instances", "motion", "union", "import", "frame"] = Field(
        "union",
        description="instances: of a segmentation; motion: where frames differ; union: both, "
        "motion only outside instances; import: a file of boxes; frame: one box, all of the frame "
        "(HF2-VAD, appendix D)",
    )
    segmentation: str | None = Field(
        None, description="name of the segmentation artefact (instances, union)"
    )
    confidence: float = Field(0.5, ge=0, le=1, description="instances below it are dropped")
    min_area: float = Field(100.0, ge=0, description="smallest instance box, square pixels")
    cover_threshold: float = Field(
        0.6, gt=0, le=1, description="a box covered by a larger one beyond this share is dropped"
    )
    binary_threshold: int = Field(
        18, ge=1, le=510, description="difference of frames that counts as motion, grey levels"
    )
    blur: int = Field(3, ge=1, description="side of the Gaussian kernel before differences, pixels")
    min_contour_area: float = Field(100.0, ge=0, description="smallest motion box, square pixels")
    import_path: dict[Literal["train", "test"], str] = Field(
        default_factory=dict,
        description="box file (.npy, .json) or folder of <clip>.csv files by split; absolute, or "
        "below the working folder or the data root",
    )

    @model_validator(mode="after")
    def _complete(self) -> "ObjectsSettings":
        if self.source in {"instances", "union"} and self.segmentation is None:
            raise ValueError(f"source {self.source!r} needs a segmentation, by name")
        if self.source == "import" and not self.import_path:
            raise ValueError("source 'import' needs import_path with a file for train and test")
        if self.blur % 2 == 0:
            raise ValueError("blur must be odd")
        return self

    def effective(self) -> dict[str, Any]:
        """Returns only what changes the boxes; files and artefacts are inputs of the job."""
        used = {
            "instances": ("confidence", "min_area", "cover_threshold"),
            "motion": ("binary_threshold", "blur", "min_contour_area"),
            "import": (),
            "frame": (),
        }
        used["union"] = used["instances"] + used["motion"]
        plain = self.plain()
        return {"source": self.source} | {key: plain[key] for key in sorted(used[self.source])}
