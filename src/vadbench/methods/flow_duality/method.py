"""flow_duality's declaration: stages, variants, and what each depends on."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from vadbench.methods import (
    ApplyJob,
    ExplainJob,
    Method,
    ScoreJob,
    Scorer,
    TrainJob,
    Variant,
    register,
)
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.settings import Settings

__all__ = ["FlowDuality"]

_MOTION = ("colours", "motion_widths")
_FRAME = ("frame_widths", "guided")


@register
class FlowDuality(Method):
    """Wang et al., 2021."""

    name = "flow_duality"
    settings_model = FlowDualitySettings
    train_code = ("vadbench.methods.flow_duality.train",)
    apply_code = ("vadbench.methods.flow_duality.frozen",)
    score_code = ("vadbench.methods.flow_duality.score",)
    explain_code = ("vadbench.methods.flow_duality.panels",)
    reads: ClassVar[Literal["cubes", "views"]] = "views"

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The paper's Table 2."""
        return {
            "full": Variant("guided, with margin loss", {"motion": "full", "frame": "full"}),
            "no_flow": Variant(
                "margin loss, no predicted flow", {"frame": "no_flow"}, {"guided": False}
            ),
            "no_margin": Variant(
                "guided, no margin loss; uses full's motion network",
                {"motion": "full", "frame": "no_margin"},
                {"margin_weight": 0.0},
            ),
            "vanilla": Variant(
                "neither", {"frame": "vanilla"}, {"guided": False, "margin_weight": 0.0}
            ),
        }

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """The stage's network, its loss, and its own training."""
        keys = {
            "motion": (*_MOTION, "radius_percentile", "motion"),
            "frame": (*_FRAME, "margin", "margin_weight", "frame"),
        }[stage]
        plain = settings.plain()
        return {key: plain[key] for key in sorted(keys)}

    def frozen(self, variant: str, stage: str | None) -> str | None:
        """The motion network is trained before the frame network and not after."""
        guided = "motion" in self.variants[variant].stages
        return "motion" if guided and stage != "motion" else None

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """The frame network."""
        plain = settings.plain()
        return {key: plain[key] for key in sorted(_FRAME)}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """One component."""
        return {"negative_psnr": 1.0}

    def train(self, job: TrainJob) -> None:
        """Trains a stage."""
        from vadbench.methods.flow_duality.train import train_stage

        train_stage(job)

    def apply(self, job: ApplyJob) -> None:
        """Predicts the flow of a split."""
        from vadbench.methods.flow_duality.frozen import apply_motion

        apply_motion(job)

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.flow_duality.score import score_split

        score_split(job)

    def scorer(self, job: TrainJob) -> Scorer:
        """Scores between epochs."""
        from vadbench.methods.flow_duality.score import scorer

        return scorer(job)

    def explain(self, job: ExplainJob) -> None:
        """Pictures chosen frames."""
        from vadbench.methods.flow_duality.panels import explain_split

        explain_split(job)
