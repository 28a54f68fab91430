"""Events: stretches of a clip that score higher than normal training frames do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vadbench.datasets.intervals import intervals
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series, object_scores

__all__ = ["Event", "find_events", "threshold"]


@dataclass(frozen=True)
class Event:
    """A stretch of a test clip, frames first to last.

    Attributes:
        rank: 1 for the event with the highest peak of all clips.
        peak, peak_frame: The highest score in it, and its frame.
        box: The highest-scoring object of that frame, x1 y1 x2 y2 in pixels; None where no
            objects are scored.
    """

    rank: int
    clip: str
    first: int
    last: int
    peak: float
    peak_frame: int
    box: tuple[float, float, float, float] | None

    def record(self, fps: float) -> dict[str, Any]:
        """Returns JSON types, with times in seconds."""
        about = asdict(self) | {"start": self.first / fps, "end": (self.last + 1) / fps}
        return about | {"box": list(self.box) if self.box else None}


def threshold(
    train: Scores, protocol: Protocol, weights: Mapping[str, float], false_positive_rate: float
) -> float:
    """Returns the score that this share of the normal training frames exceeds."""
    series = clip_series(train, train, protocol, weights).scores
    values = np.concatenate(list(series.values()))
    return float(np.quantile(values, 1 - false_positive_rate, method="higher"))


def find_events(
    train: Scores,
    test: Scores,
    protocol: Protocol,
    weights: Mapping[str, float],
    limit: float,
    gap: int,
) -> list[Event]:
    """Finds the stretches of test clips that score above a threshold, highest peak first.

    Args:
        train: Raw scores of the training clips, for normalisation.
        test: Raw scores of the test clips.
        protocol: The protocol.
        weights: Weight of each component.
        limit: The threshold.
        gap: Stretches with at most so many frames between them are one.
    """
    series = clip_series(train, test, protocol, weights)
    per_object = object_scores(train, test, protocol, weights)
    numbers = {clip: number for number, clip in enumerate(test.clips)}
    found = []
    for clip, values in series.scores.items():
        merged: list[list[int]] = []
        for start, end in intervals(values > limit):
            if merged and start - merged[-1][1] - 1 <= gap:
                merged[-1][1] = end
            else:
                merged.append([start, end])
        for start, end in merged:
            peak = start + int(np.argmax(values[start : end + 1]))
            row = int(test.clip_offsets[numbers[clip]]) + series.first + peak
            a, b = (int(value) for value in test.object_offsets[row : row + 2])
            box = None
            if per_object is not None and b > a:
                x1, y1, x2, y2 = test.boxes[a + int(np.argmax(per_object[a:b]))].tolist()
                box = (x1, y1, x2, y2)
            frames = (series.first + start, series.first + end)
            found.append((float(values[peak]), clip, *frames, series.first + peak, box))
    found.sort(key=lambda item: (-item[0], numbers[item[1]], item[2]))
    return [
        Event(rank, clip, first, last, peak, peak_frame, box)
        for rank, (peak, clip, first, last, peak_frame, box) in enumerate(found, start=1)
    ]
