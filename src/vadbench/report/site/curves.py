"""Score curves and ROC curves of a run, thinned and rounded for a browser."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series

__all__ = ["Curves", "compute_curves", "roc"]

Floats = npt.NDArray[np.float64]
_POINTS = 300  # of a ROC curve
_DIGITS = 5  # of a score


@dataclass(frozen=True)
class Curves:
    """The frame scores of a run under its method's protocol.

    Attributes:
        series: For each name, the fused score first, frame scores by clip.
        first: Frame of a clip at which the scores start.
        ranges: For each name the lowest and highest score of the test set.
        roc: For each name the points (false-positive rates, true-positive rates); empty without
            labels of both classes.
    """

    series: dict[str, dict[str, Floats]]
    first: int
    ranges: dict[str, tuple[float, float]]
    roc: dict[str, tuple[list[float], list[float]]]

    def clip(self, name: str) -> dict[str, Any]:
        """Returns what a browser needs of a clip, JSON types."""
        found = {key: series[name] for key, series in self.series.items() if name in series}
        return {"first": self.first, "scores": {k: _rounded(v) for k, v in found.items()}}

    def clips(self) -> Iterator[str]:
        """Names of the clips that have scores."""
        yield from next(iter(self.series.values()), {})


def compute_curves(
    train: Scores,
    test: Scores,
    labels: Mapping[str, npt.NDArray[np.uint8]] | None,
    protocol: Protocol,
    weights: Mapping[str, float],
) -> Curves:
    """Computes the curves of a run: fused, and each component by itself.

    Args:
        train: Raw scores of the training clips.
        test: Raw scores of the test clips.
        labels: Labels by test clip; None if there are none.
        protocol: The method's protocol.
        weights: Its fusion weights; empty if each component stands alone.
    """
    alone = protocol.model_copy(update={"weights": None, "shares": None})
    wanted = {name: (alone, {name: 1.0}) for name in test.components}
    if weights:
        # A method of one component is that component.
        rest = wanted if len(wanted) > 1 else {}
        wanted = {"fused": (protocol, dict(weights))} | rest
    series, first, ranges, curves = {}, 0, {}, {}
    for name, (own, chosen) in wanted.items():
        found = clip_series(train, test, own, chosen)
        series[name], first = found.scores, found.first
        everything = np.concatenate(list(found.scores.values()))
        ranges[name] = (float(everything.min()), float(everything.max()))
        if labels is not None:
            truth = np.concatenate(
                [labels[clip][first:][: len(part)] for clip, part in found.scores.items()]
            )
            if 0 < truth.sum() < len(truth):
                curves[name] = roc(truth, everything)
    return Curves(series, first, ranges, curves)


def roc(truth: npt.NDArray[np.uint8], scores: Floats) -> tuple[list[float], list[float]]:
    """Returns the ROC curve's points, at most some hundred of them, corners kept."""
    from sklearn.metrics import roc_curve

    wrong, right, _ = roc_curve(truth, scores)
    if len(wrong) > _POINTS:
        # Evenly along the curve's length, so that its steep start is not lost.
        along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(wrong), np.diff(right)))])
        places = np.searchsorted(along, np.linspace(0, along[-1], _POINTS))
        places = np.unique(np.clip(places, 0, len(wrong) - 1))
        wrong, right = wrong[places], right[places]
    return wrong.round(4).tolist(), right.round(4).tolist()


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values.tolist()]
