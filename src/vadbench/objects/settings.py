"""Settings of what methods read: objects, the cubes cut at them, and views of whole frames."""

from typing import Any, Literal

from pydantic import Field, model_validator

from vadbench.settings import Settings

__all__ = ["CubesSettings", "ObjectsSettings", "ViewsSettings"]


class ObjectsSettings(Settings):
    """Where boxes come from; defaults are HF2-VAD's and VEC's for Ped2.

    Their values for the other data sets: Avenue confidence .25, min_area 1600, cover_threshold
    .6, binary_threshold 18, blur 5, min_contour_area 1600; ShanghaiTech .5, 64, .65, 15, 5, 1600
    (workflow/configs/benchmark.yaml has them).
    A confidence below the segmentation's own threshold wants that one lowered too.
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


class CubesSettings(Settings):
    """One cubes artefact."""

    objects: str = Field(description="name of the objects artefact that gives the boxes")
    flow: str = Field(description="name of the flow artefact")
    size: int = Field(32, ge=8, description="side of a cube, pixels (HF2-VAD: 32)")
    past_frames: int = Field(4, ge=1, description="frames before the target (HF2-VAD: 4)")
    flow_window: Literal["into_target", "previous_only"] = Field(
        "into_target",
        description="into_target: flows into t-3 .. t, as HF2-VAD's released code has it; "
        "previous_only: flows into t-4 .. t-1, as its paper words it",
    )

    def effective(self) -> dict[str, Any]:
        """Returns what changes the cubes; the artefacts they are cut from are inputs."""
        return {key: value for key, value in self.plain().items() if key not in {"objects", "flow"}}


class ViewsSettings(Settings):
    """One views artefact."""

    size: int = Field(256, ge=16, description="side of the square that frames are resized to")
    flow: str | None = Field(None, description="name of a flow artefact to resize with them")
    segmentation: str | None = Field(
        None, description="name of a segmentation artefact whose class map is resized with them"
    )
    depth: str | None = Field(None, description="name of a depth artefact to resize with them")

    def effective(self) -> dict[str, Any]:
        """Returns what changes the views; the artefacts they are made from are inputs."""
        return {"size": self.size}
