"""HF2-VAD's declaration: stages, variants, and what each depends on."""

from collections.abc import Mapping
from typing import Any

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
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.settings import Settings

__all__ = ["HF2VAD"]

_FLOW_NETWORK = ("memories", "skips", "memory_slots")
_NETWORKS = (*_FLOW_NETWORK, "condition", "reconstructed_flows")
_LOSSES = ("divergence_weight", "gradient_weight")


def _all_stages(owner: str) -> dict[str, str]:
    return {"flow": owner, "cvae": owner, "finetune": owner}


_TWO_MEMORIES = {"memories": 2, "skips": 1}
_MEMAE = {"memories": 1, "skips": 0}


@register
class HF2VAD(Method):
    """Liu et al., ICCV 2021."""

    name = "hf2vad"
    settings_model = HF2VADSettings
    train_code = ("vadbench.methods.hf2vad.train",)
    apply_code = ("vadbench.methods.hf2vad.frozen",)
    score_code = ("vadbench.methods.hf2vad.score",)
    explain_code = ("vadbench.methods.hf2vad.panels",)
    squared_errors = frozenset({"flow_reconstruction", "frame_prediction"})

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The paper's tables 1 to 3 and appendices B and D."""
        hybrid = {"flow": "full", "cvae": "", "finetune": ""}
        return {
            "full": Variant("all three stages", _all_stages("full")),
            "before_finetune": Variant("without the third stage", {"flow": "full", "cvae": "full"}),
            "no_frame_prediction": Variant(
                "flow reconstruction alone: ML-MemAE-SC with three memories", {"flow": "full"}
            ),
            "no_flow_reconstruction": Variant(
                "frame prediction alone: CVAE on the original flows",
                {"cvae": "no_flow_reconstruction"},
                {"condition": "original"},
            ),
            "memae": Variant("flow alone, one memory and no skips", {"flow": "memae"}, _MEMAE),
            "ml_memae_sc_2": Variant(
                "flow alone, two memories", {"flow": "ml_memae_sc_2"}, _TWO_MEMORIES
            ),
            "vae": Variant("frames alone, no condition", {"cvae": "vae"}, {"condition": "none"}),
            "cvae": Variant(
                "the CVAE of Table 2, the same network as no_flow_reconstruction",
                {"cvae": "no_flow_reconstruction"},
                {"condition": "original"},
            ),
            "memae+cvae": Variant(
                "hybrid of memae and CVAE",
                {"flow": "memae", "cvae": "memae+cvae", "finetune": "memae+cvae"},
                _MEMAE,
            ),
            "ml_memae_sc_2+cvae": Variant(
                "hybrid of ml_memae_sc_2 and CVAE",
                {
                    "flow": "ml_memae_sc_2",
                    "cvae": "ml_memae_sc_2+cvae",
                    "finetune": "ml_memae_sc_2+cvae",
                },
                _TWO_MEMORIES,
            ),
            **{
                f"recon_flows_{count}": Variant(
                    f"the last {count} of 4 flows reconstructed (Table 3)",
                    {stage: owner or f"recon_flows_{count}" for stage, owner in hybrid.items()},
                    {"reconstructed_flows": count},
                )
                for count in (1, 2, 3)
            },
            "recon_flows_4": Variant("all flows reconstructed: full", _all_stages("full")),
            "stochastic": Variant(
                "full, the latent drawn at test time (appendix B)",
                _all_stages("full"),
                {"sampling": "stochastic"},
            ),
            "whole_frame": Variant(
                "full on entire frames (appendix D)", _all_stages("whole_frame"), objects="frame"
            ),
        }

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """The networks that take part, the losses, and the stage's own training."""
        keys = {
            "flow": (*_FLOW_NETWORK, "entropy_weight", "flow"),
            "cvae": (*_NETWORKS, *_LOSSES, "cvae"),
            "finetune": (*_NETWORKS, *_LOSSES, "entropy_weight", "finetune"),
        }[stage]
        plain = settings.plain()
        return {key: plain[key] for key in sorted(keys)}

    def frozen(self, variant: str, stage: str | None) -> str | None:
        """The flow autoencoder is frozen in stage 2, and for good where there is no stage 3."""
        stages = self.variants[variant].stages
        reads = "finetune" not in stages if stage is None else stage == "cvae"
        return "flow" if reads and "flow" in stages else None

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """The networks and how the latent is chosen."""
        plain = settings.plain()
        return {key: plain[key] for key in sorted((*_NETWORKS, "sampling"))}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """w_r and w_p of the components that the variant has."""
        assert isinstance(settings, HF2VADSettings)
        stages = self.variants[variant].stages
        has = {"flow_reconstruction": "flow" in stages, "frame_prediction": "cvae" in stages}
        return {name: weight for name, weight in settings.weights.items() if has[name]}

    def train(self, job: TrainJob) -> None:
        """Trains a stage."""
        from vadbench.methods.hf2vad.train import train_stage

        train_stage(job)

    def apply(self, job: ApplyJob) -> None:
        """Reconstructs the flows of a split."""
        from vadbench.methods.hf2vad.frozen import reconstruct_split

        reconstruct_split(job)

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.hf2vad.score import score_split

        score_split(job)

    def scorer(self, job: TrainJob) -> Scorer:
        """Scores between epochs."""
        from vadbench.methods.hf2vad.score import scorer

        return scorer(job)

    def explain(self, job: ExplainJob) -> None:
        """Pictures chosen frames."""
        from vadbench.methods.hf2vad.panels import explain_split

        explain_split(job)
