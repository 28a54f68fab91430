"""object_class_aware's declaration: branches, variants, and what each depends on."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from vadbench.methods import (
    ExplainJob,
    Method,
    Pretrained,
    ScoreJob,
    Scorer,
    TrainJob,
    Variant,
    register,
)
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.settings import Settings

__all__ = ["ObjectClassAware"]


@register
class ObjectClassAware(Method):
    """Baradaran and Bergevin, CRV 2022."""

    name = "object_class_aware"
    settings_model = ObjectClassAwareSettings
    train_code = ("vadbench.methods.object_class_aware.train",)
    score_code = ("vadbench.methods.object_class_aware.score",)
    explain_code = ("vadbench.methods.object_class_aware.panels",)
    reads: ClassVar[Literal["cubes", "views"]] = "views"

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The six cases of the paper's Table II, and another reading of its target."""
        both = {"appearance": "full", "motion": "full"}
        return {
            "full": Variant("both branches (C1)", both),
            "no_pretraining": Variant(
                "encoders start from random weights (C2)",
                {"appearance": "no_pretraining", "motion": "no_pretraining"},
                {"encoder_weights": "none"},
            ),
            "no_masking": Variant(
                "flow magnitude of the background too (C3); uses full's appearance branch",
                {"appearance": "full", "motion": "no_masking"},
                {"masked": False},
            ),
            "no_refinement": Variant(
                "error maps as they are (C4); uses full's branches", both, {"refined": False}
            ),
            "colour_target": Variant(
                "segmentation maps are colour images; uses full's motion branch",
                {"appearance": "colour_target", "motion": "full"},
                {"target": "colour"},
            ),
            "motion_only": Variant("without the appearance branch (C5)", {"motion": "full"}),
            "appearance_only": Variant("without the motion branch (C6)", {"appearance": "full"}),
        }

    def before(self, variant: str, stage: str) -> list[str]:
        """The branches need nothing of each other."""
        return []

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """The branch's network, its loss, and its own training."""
        keys = {
            "appearance": (
                "class_groups",
                "target",
                "encoder_weights",
                "patch_rows",
                "appearance",
            ),
            "motion": ("masked", "scale_percentile", "encoder_weights", "patch_rows", "motion"),
        }[stage]
        plain = settings.plain()
        return {key: plain[key] for key in sorted(keys)}

    def pretrained(self, settings: Settings, stage: str) -> Pretrained:
        """Both branches' encoders are alike."""
        assert isinstance(settings, ObjectClassAwareSettings)
        return Pretrained("resnet34", settings.encoder_weights, "encoder_weights")

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """The targets, and whether maps are refined."""
        plain = settings.plain()
        return {key: plain[key] for key in ("class_groups", "masked", "refined", "target")}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """Both branches count alike."""
        return dict.fromkeys(self.variants[variant].stages, 1.0)

    def train(self, job: TrainJob) -> None:
        """Trains a branch."""
        from vadbench.methods.object_class_aware.train import train_stage

        train_stage(job)

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.object_class_aware.score import score_split

        score_split(job)

    def scorer(self, job: TrainJob) -> Scorer:
        """Scores between epochs."""
        from vadbench.training.branch_scores import branch_scorer

        return branch_scorer(job)

    def explain(self, job: ExplainJob) -> None:
        """Pictures chosen frames."""
        from vadbench.methods.object_class_aware.panels import explain_split

        explain_split(job)
