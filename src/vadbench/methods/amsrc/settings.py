"""Settings of AMSRC; what each data set has by default is in paper.yaml."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings
from vadbench.training.settings import StageSettings

__all__ = ["AMSRCSettings"]


class AMSRCSettings(Settings):
    """AMSRC."""

    streams: Literal["both", "frame"] = Field(
        "both", description="both; or frame alone, the baseline of Table 2"
    )
    fusion: Literal["gated", "sum"] = Field(
        "gated", description="how appearance and motion features are fused; sum: without the gate"
    )
    gradient_weight: float = Field(1.0, ge=0, description="lambda_gd of Eq. 4")
    consistency_weight: float = Field(
        1.0,
        ge=0,
        description="lambda_sim of Eq. 4; 1 in the released code, 10 for ShanghaiTech in the paper",
    )
    l2_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the sum of squared weights in Eq. 4; the released code's term is "
        "always 0, the paper's lambda_model is 1 and the code's factor in it 0.001",
    )
    predict: StageSettings = Field(
        default_factory=StageSettings, description="the only stage: frame prediction"
    )
    weights: dict[Literal["feature_inconsistency", "prediction_error"], float] = Field(
        {"feature_inconsistency": 1.0, "prediction_error": 0.0},
        description="w_f and w_p of the fused score (Eq. 5)",
    )
