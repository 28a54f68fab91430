"""Settings of HF2-VAD; what each data set has by default is in paper.yaml."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings
from vadbench.training.settings import StageSettings

__all__ = ["HF2VADSettings"]


class HF2VADSettings(Settings):
    """HF2-VAD."""

    memories: int = Field(
        3, ge=1, le=3, description="memories of the flow autoencoder, from the bottleneck up"
    )
    skips: int = Field(2, ge=0, le=2, description="its skip connections, from the bottleneck up")
    memory_slots: int = Field(2000, ge=2, description="slots of each memory")
    entropy_weight: float = Field(2e-4, ge=0, description="weight of the addressing entropy")
    divergence_weight: float = Field(1.0, ge=0, description="weight of the KL divergence")
    gradient_weight: float = Field(1.0, ge=0, description="weight of the gradient loss")
    condition: Literal["reconstructed", "original", "none"] = Field(
        "reconstructed",
        description="flows that condition the frame prediction; none: a VAE on frames alone",
    )
    reconstructed_flows: int = Field(
        4, ge=1, le=4, description="how many of the last flows are reconstructed (Table 3)"
    )
    sampling: Literal["mean", "stochastic"] = Field(
        "mean", description="latent at test time: posterior mean, or drawn (appendix B)"
    )
    flow: StageSettings = Field(
        default_factory=StageSettings, description="stage 1: flow autoencoder on the last flow"
    )
    cvae: StageSettings = Field(
        default_factory=StageSettings, description="stage 2: CVAE on the frozen reconstructions"
    )
    finetune: StageSettings = Field(
        default_factory=StageSettings, description="stage 3: both together"
    )
    weights: dict[Literal["flow_reconstruction", "frame_prediction"], float] = Field(
        {"flow_reconstruction": 1.0, "frame_prediction": 0.1},
        description="w_r and w_p of the fused score (Eq. 9)",
    )
