"""Settings of a flow artefact."""

from typing import Any, Literal

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["FarnebackSettings", "FlowSettings"]


class FarnebackSettings(Settings):
    """Parameters of Farneback's polynomial expansion, named as in OpenCV."""

    pyr_scale: float = Field(0.5, gt=0, lt=1, description="scale between pyramid levels")
    levels: int = Field(3, ge=1, description="pyramid levels, the frame included")
    winsize: int = Field(15, ge=3, description="averaging window, pixels")
    iterations: int = Field(3, ge=1, description="iterations at each level")
    poly_n: int = Field(5, ge=3, description="neighbourhood of the expansion, pixels")
    poly_sigma: float = Field(1.2, gt=0, description="Gaussian of the expansion, pixels")


class FlowSettings(Settings):
    """One flow artefact."""

    backend: Literal["farneback", "dis"] = Field(
        "farneback", description="estimator: farneback or dis (OpenCV)"
    )
    working_size: tuple[int, int] | None = Field(
        None,
        description="width and height at which flow is estimated; null: the frame's own",
    )
    units: Literal["native", "network"] | tuple[int, int] = Field(
        "native",
        description="magnitudes in pixels of the frame (native), of the working size (network), "
        "or of a frame of this width and height (HF2-VAD's FlowNet2 saw 1024 x 768)",
    )
    farneback: FarnebackSettings = Field(
        FarnebackSettings(), description="used by the farneback backend"
    )
    dis_preset: Literal["ultrafast", "fast", "medium"] = Field(
        "medium", description="used by the dis backend"
    )

    def effective(self) -> dict[str, Any]:
        """Returns only what changes the result: parameters of the other backend do not."""
        unused = {"farneback": "dis_preset", "dis": "farneback"}[self.backend]
        return {key: value for key, value in self.plain().items() if key != unused}
