"""Settings of a depth artefact."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["DPTSettings", "DepthSettings"]


class DPTSettings(Settings):
    """A network for relative depth: MiDaS (DPT, or its small one) or Depth Anything."""

    model: Literal[
        "Intel/dpt-hybrid-midas",
        "Intel/dpt-large",
        "Intel/dpt-swinv2-tiny-256",
        "MiDaS_small",
        "LiheYoung/depth-anything-small-hf",
        "depth-anything/Depth-Anything-V2-Small-hf",
    ] = Field(
        "Intel/dpt-hybrid-midas",
        description="network, as Hugging Face or, of MiDaS_small, torch.hub names it",
    )
    weights: str | None = Field(
        None,
        description="folder of another network of these families, as transformers saves it "
        "(config.json, preprocessor_config.json, model.safetensors), in place of `model`; of "
        "MiDaS_small a file of its weights; null: the published ones, see vadbench fetch weights",
    )
    frames: Literal["all", "median"] | Annotated[int, Field(ge=1)] = Field(
        "all",
        description="all: the depth of every frame; a number N: of every N-th, held until the "
        "next; median: of the clip's median frame, which shows the scene without what moves, held "
        "for the whole clip",
    )
    batch_size: int = Field(8, ge=1, description="frames at a time")


class DepthSettings(Settings):
    """One depth artefact."""

    backend: Literal["annotations", "plane", "dpt"] = Field(
        description="annotations: the depth that the data set ships; plane: depth of a ground "
        "plane from the image row, which needs no weights; dpt: MiDaS or Depth Anything"
    )
    horizon: float = Field(
        0.0,
        ge=-2.0,
        lt=1.0,
        description="row of the horizon (plane) as a share of the height, 0 the upper edge; "
        "negative above the picture, for a camera that looks down",
    )
    dpt: DPTSettings = Field(DPTSettings(), description="used by the dpt backend")

    def effective(self) -> dict[str, Any]:
        """Returns only what changes the depth; the network's files are inputs of the job."""
        if self.backend == "plane":
            return {"backend": self.backend, "horizon": self.horizon}
        if self.backend == "dpt":
            own = self.dpt
            return {
                "backend": self.backend,
                "dpt": {
                    "frames": "all" if own.frames == 1 else own.frames,
                    "model": own.model if own.weights is None else Path(own.weights).name,
                },
            }
        return {"backend": self.backend}
