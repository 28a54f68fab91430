"""Settings of a segmentation artefact."""

from typing import Any, Literal

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["SegmentationSettings"]


class SegmentationSettings(Settings):
    """One segmentation artefact."""

    backend: Literal["annotations", "motion"] = Field(
        description="annotations: the instance masks that the data set ships; motion: what differs "
        "from a model of the background, which needs no weights and knows no classes"
    )
    threshold: float = Field(
        16.0,
        gt=0,
        description="squared distance from the background, in variances, from which a pixel "
        "belongs to an object (motion)",
    )
    min_area: int = Field(40, ge=1, description="smallest object, pixels (motion)")

    def effective(self) -> dict[str, Any]:
        """Returns only what changes the masks: annotations have no parameters."""
        return self.plain() if self.backend == "motion" else {"backend": self.backend}
