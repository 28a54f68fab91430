"""Settings of the memory toy."""

from pydantic import Field

from vadbench.settings import Settings
from vadbench.training.settings import StageSettings

__all__ = ["MemoryToySettings"]


class MemoryToySettings(Settings):
    """memory_toy."""

    memories: int = Field(
        3, ge=1, le=4, description="memories, from the bottleneck up; 4 is one at every level"
    )
    skips: int = Field(2, ge=0, le=3, description="skip connections, from the bottleneck up")
    memory_slots: int = Field(100, ge=2, description="slots of each memory")
    entropy_weight: float = Field(2e-4, ge=0, description="weight of the addressing entropy")
    reconstruct: StageSettings = Field(
        default_factory=StageSettings, description="the only stage: reconstruction"
    )
