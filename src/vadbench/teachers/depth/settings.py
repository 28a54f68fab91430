"""Settings of a depth artefact."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["DepthSettings"]


class DepthSettings(Settings):
    """One depth artefact."""

    backend: Literal["annotations", "plane"] = Field(
        description="annotations: the depth that the data set ships; plane: depth of a ground "
        "plane from the image row, which needs no weights"
    )
    horizon: float = Field(
        0.0,
        ge=-2.0,
        lt=1.0,
        description="row of the horizon (plane) as a share of the height, 0 the upper edge; "
        "negative above the picture, for a camera that looks down",
    )
