"""Untrained baselines: one component each, evaluated like any method's scores."""

from collections.abc import Mapping
from typing import Any

from vadbench.methods import Method, ScoreJob, Variant, register
from vadbench.settings import Settings

__all__ = ["Baselines"]


class BaselineSettings(Settings):
    """The baselines have no settings."""


@register
class Baselines(Method):
    """Number, size and shape of boxes, motion, and the frame's own number."""

    name = "baselines"
    settings_model = BaselineSettings
    score_code = ("vadbench.methods.baselines.score",)
    seeded = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        """One variant: all baselines are components of it."""
        return {"untrained": Variant("scores that need no training")}

    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """Nothing to set."""
        return {}

    def score(self, job: ScoreJob) -> None:
        """Scores a split."""
        from vadbench.methods.baselines.score import score_split

        score_split(job)
