"""AMSRC's declaration: its stage and variants, and what each depends on."""

from collections.abc import Mapping
from typing import Any

from vadbench.methods import ExplainJob, Method, ScoreJob, Scorer, TrainJob, Variant, register
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.settings import Settings

__all__ = ["AMSRC"]

_NETWORK = ("fusion", "streams")
_LOSSES = ("consistency_weight", "gradient_weight", "l2_weight")


@register
class AMSRC(Method):
    """Huang et al., 2022."""

    name = "amsrc"
    settings_model = AMSRCSettings
    train_code = ("vadbench.methods.amsrc.train",)
    score_code = ("vadbench.methods.amsrc.score",)
    explain_code = ("vadbench.methods.amsrc.panels",)
    squared_errors = frozenset({"prediction_error"})

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The paper's Table 2."""
        return {
            "full": Variant("both streams, gated fusion", {"predict": "full"}),
            "no_gate": Variant(
                "features added instead of gated", {"predict": "no_gate"}, {"fusion": "sum"}
            ),
            "frame_only": Variant(
                "frame stream alone", {"predict": "frame_only"}, {"streams": "frame"}
            ),
        }

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """All but the weights of the fused score."""
        plain = settings.plain()
        return {key: plain[key] for key in sorted((*_NETWORK, *_LOSSES, stage))}

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """The network."""
        plain = settings.plain()
        return {key: plain[key] for key in sorted(_NETWORK)}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """w_f and w_p; the frame stream alone has only a prediction error."""
        assert isinstance(settings, AMSRCSettings)
        if settings.streams == "frame":
            return {"prediction_error": 1.0}
        return {str(name): weight for name, weight in settings.weights.items()}

    def train(self, job: TrainJob) -> None:
        """Trains the network."""
        from vadbench.methods.amsrc.train import train_stage

        train_stage(job)

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.amsrc.score import score_split

        score_split(job)

    def scorer(self, job: TrainJob) -> Scorer:
        """Scores between epochs."""
        from vadbench.methods.amsrc.score import scorer

        return scorer(job)

    def explain(self, job: ExplainJob) -> None:
        """Pictures chosen frames."""
        from vadbench.methods.amsrc.panels import explain_split

        explain_split(job)
