"""Settings that the training stages of all methods have."""

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["StageSettings"]


class StageSettings(Settings):
    """Training of one stage with Adam and a stepwise decay."""

    epochs: int = Field(80, ge=1, description="passes over the training data")
    batch_size: int = Field(128, ge=2, description="samples per step")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's step at the start")
    epsilon: float = Field(1e-8, gt=0, description="Adam's epsilon")
    decay_every: int = Field(50, ge=1, description="epochs after which the step is decayed")
    decay: float = Field(0.8, gt=0, le=1, description="factor of the decay")
    samples_per_epoch: int | None = Field(
        None, ge=2, description="samples seen per epoch, chosen anew in each; null: all"
    )
