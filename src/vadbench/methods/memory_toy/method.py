"""The memory toy's declaration: six autoencoders."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from vadbench.methods import ExplainJob, Method, ScoreJob, Scorer, TrainJob, Variant, register
from vadbench.methods.memory_toy.settings import MemoryToySettings
from vadbench.settings import Settings

__all__ = ["MemoryToy"]

_NETWORK = ("memories", "memory_slots", "skips")


@register
class MemoryToy(Method):
    """Liu et al., ICCV 2021, Figure 4."""

    name = "memory_toy"
    settings_model = MemoryToySettings
    train_code = ("vadbench.methods.memory_toy.train",)
    score_code = ("vadbench.methods.memory_toy.score",)
    explain_code = ("vadbench.methods.memory_toy.panels",)
    reads: ClassVar[Literal["cubes", "views"]] = "views"
    squared_errors = frozenset({"reconstruction_error"})

    @property
    def variants(self) -> Mapping[str, Variant]:
        """(a) to (f) of the figure; the proposed one comes first."""

        def variant(name: str, summary: str, memories: int, skips: int) -> tuple[str, Variant]:
            overrides = {"memories": memories, "skips": skips}
            return name, Variant(summary, {"reconstruct": name}, overrides)

        return dict(
            (
                variant("f_three_levels", "ML-MemAE-SC: three memories, two skips", 3, 2),
                variant("a_memae", "MemAE: one memory, no skips", 1, 0),
                variant("b_all_memories", "a memory at every level, no skips", 4, 0),
                variant("c_all_skips", "one memory, a skip at every level", 1, 3),
                variant("d_all_of_both", "memory and skip at every level", 4, 3),
                variant("e_two_levels", "two memories, one skip", 2, 1),
            )
        )

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """Everything."""
        return settings.plain()

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """The network."""
        plain = settings.plain()
        return {key: plain[key] for key in _NETWORK}

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """One component."""
        return {"reconstruction_error": 1.0}

    def train(self, job: TrainJob) -> None:
        """Trains an autoencoder."""
        from vadbench.methods.memory_toy.train import train_stage

        train_stage(job)

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.memory_toy.score import score_split

        score_split(job)

    def scorer(self, job: TrainJob) -> Scorer:
        """Scores between epochs."""
        from vadbench.methods.memory_toy.score import scorer

        return scorer(job)

    def explain(self, job: ExplainJob) -> None:
        """Pictures chosen digits."""
        from vadbench.methods.memory_toy.panels import explain_split

        explain_split(job)
