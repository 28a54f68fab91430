"""multitask_attention's declaration: branches, variants, and what each depends on."""

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
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.settings import Settings

__all__ = ["MultitaskAttention"]

_APPEARANCE = ("class_groups", "future", "target")
_MOTION = ("attention", "scse")


@register
class MultitaskAttention(Method):
    """Baradaran and Bergevin, CVPRW 2023."""

    name = "multitask_attention"
    settings_model = MultitaskAttentionSettings
    train_code = ("vadbench.methods.multitask_attention.train",)
    score_code = ("vadbench.methods.multitask_attention.score",)
    explain_code = ("vadbench.methods.multitask_attention.panels",)
    reads: ClassVar[Literal["cubes", "views"]] = "views"

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The paper's Tables 2 to 4, and another reading of its target."""

        def motion(name: str, attention: str) -> Variant:
            words = "no attention" if attention == "none" else f"attention at the {attention}"
            return Variant(
                f"motion branch alone, {words}, no SCSE",
                {"motion": name},
                {"attention": attention, "scse": False},
            )

        present = {"future": False}
        return {
            "full": Variant("Seg+OFM+Pred (Table 2)", {"appearance": "full", "motion": "full"}),
            "seg": Variant(
                "segmentation of the frame itself (Table 2)", {"appearance": "seg"}, present
            ),
            "ofm": Variant("flow magnitude alone (Table 2)", {"motion": "full"}),
            "seg_pred": Variant(
                "segmentation of the next frame alone (Table 2)", {"appearance": "full"}
            ),
            "seg_ofm": Variant(
                "both branches, segmentation of the frame itself (Table 2)",
                {"appearance": "seg", "motion": "full"},
                present,
            ),
            "colour_target": Variant(
                "both branches, segmentation maps are colour images",
                {"appearance": "colour_target", "motion": "full"},
                {"target": "colour"},
            ),
            "unet": motion("unet", "none"),
            "unet_att": motion("unet_att", "decoder"),
            "unet_att_scse": Variant(
                "motion branch alone, attention and SCSE (Table 3)", {"motion": "full"}
            ),
            "attention_encoder": motion("attention_encoder", "encoder"),
            "attention_decoder": motion("unet_att", "decoder"),
            "attention_skip": motion("attention_skip", "skip"),
            "attention_final": motion("attention_final", "final"),
        }

    def before(self, variant: str, stage: str) -> list[str]:
        """The branches need nothing of each other."""
        return []

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """The branch's network, its loss, and its own training."""
        plain = settings.plain()
        own = {"appearance": _APPEARANCE, "motion": (*_MOTION, "scale_percentile")}[stage]
        return {key: plain[key] for key in sorted((*own, "patch_rows", f"{stage}_weights", stage))}

    def pretrained(self, settings: Settings, stage: str) -> Pretrained:
        """Each branch has an encoder of its own."""
        network = {"appearance": "resnet34", "motion": "vgg16"}[stage]
        key = f"{stage}_weights"
        return Pretrained(network, getattr(settings, key), key)

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """The networks and their targets."""
        plain = settings.plain()
        return {key: plain[key] for key in sorted((*_APPEARANCE, *_MOTION))}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """Both branches count alike."""
        return dict.fromkeys(self.variants[variant].stages, 1.0)

    def train(self, job: TrainJob) -> None:
        """Trains a branch."""
        from vadbench.methods.multitask_attention.train import train_stage

        train_stage(job)

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.multitask_attention.score import score_split

        score_split(job)

    def scorer(self, job: TrainJob) -> Scorer:
        """Scores between epochs."""
        from vadbench.training.branch_scores import branch_scorer

        return branch_scorer(job)

    def explain(self, job: ExplainJob) -> None:
        """Pictures chosen frames."""
        from vadbench.methods.multitask_attention.panels import explain_split

        explain_split(job)
