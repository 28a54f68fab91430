"""Chooses the test frames that are worth looking at: those that score highest and lowest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vadbench.datasets.intervals import intervals
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import Series, clip_series, object_scores

__all__ = ["Chosen", "choose_frames", "choose_kinds", "top_frames"]

Floats = npt.NDArray[np.float64]
_NORMAL = 2  # normal frames beside one of each kind of anomaly
_APART = 12  # chosen frames of a clip are at least its length divided by this apart


@dataclass(frozen=True)
class Chosen:
    """K chosen frames of a test set, highest first.

    Attributes:
        all_clips: Names of all clips, in order.
        clip_offsets: (C + 1,) index of each clip's first frame.
        clip_numbers: (K,) the clip of each frame, counted from 0.
        frames: (K,) its number in the clip.
        items: (K,) row of its highest object, -1 where there are no objects.
        scores: (K,) its score under the protocol.
        labels: (K,) 1 for an abnormal frame, 2 for one without a label.
        boxes: (K, 4) float32 box of its highest object; zeros where there are none.
        kinds: What each frame shows, where they were chosen by that.
    """

    all_clips: Sequence[str]
    clip_offsets: npt.NDArray[np.int64]
    clip_numbers: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    scores: Floats
    labels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    kinds: Sequence[str] = ()

    @property
    def clips(self) -> list[str]:
        """The clip's name of each frame."""
        return [self.all_clips[number] for number in self.clip_numbers]


def top_frames(scores: Floats, count: int, apart: int) -> list[int]:
    """Returns the highest-scoring frames, no two nearer than `apart`, in order of time."""
    chosen: list[int] = []
    for t in np.argsort(-scores, kind="stable"):
        if len(chosen) == count:
            break
        if all(abs(int(t) - other) >= apart for other in chosen):
            chosen.append(int(t))
    return sorted(chosen)


def choose_frames(
    train: Scores,
    test: Scores,
    labels: Mapping[str, npt.NDArray[np.uint8]],
    protocol: Protocol,
    weights: Mapping[str, float],
    count: int,
) -> Chosen:
    """Chooses the `count` highest-scoring frames of a test set and the `count` lowest.

    No two of a clip are near each other. Where objects are scored, frames without one are left out.

    Args:
        train: Raw scores of the training clips.
        test: Raw scores of the test clips.
        labels: (T,) 0/1 vectors by test clip.
        protocol: The protocol whose frame scores count.
        weights: Weight of each component.
        count: Frames of each kind.
    """
    result = clip_series(train, test, protocol, weights)
    per_object = object_scores(train, test, protocol, weights)
    numbers = {clip: number for number, clip in enumerate(test.clips)}
    candidates: list[tuple[float, int, int]] = []  # sign times score, clip, frame
    for sign in (1, -1):
        found = []
        for clip, values in result.scores.items():
            start = int(test.clip_offsets[numbers[clip]])
            signed = sign * values
            if per_object is not None:
                frames = start + result.first + np.arange(len(values))
                empty = test.object_offsets[frames + 1] == test.object_offsets[frames]
                signed = np.where(empty, -np.inf, signed)
            highest = top_frames(signed, count, max(1, len(values) // _APART))
            found += [
                (float(signed[t]), numbers[clip], result.first + t)
                for t in highest
                if np.isfinite(signed[t])
            ]
        best = sorted(found, key=lambda item: (-item[0], item[1:]))[:count]
        candidates += best if sign > 0 else best[::-1]
    return _describe(test, labels, result, per_object, [(c, t) for _, c, t in candidates])


def choose_kinds(
    train: Scores,
    test: Scores,
    labels: Mapping[str, npt.NDArray[np.uint8]],
    anomalies: Mapping[str, Mapping[str, npt.NDArray[np.uint8]]],
    protocol: Protocol,
    weights: Mapping[str, float],
) -> Chosen:
    """Chooses normal frames and one of each kind of anomaly: the same for every method.

    Of a kind it is the middle of the longest time that it is seen, of normal frames the middle of
    the longest times. Arguments as in `choose_frames`.
    """
    result = clip_series(train, test, protocol, weights)
    numbers = {clip: number for number, clip in enumerate(test.clips)}

    def middles(vectors: Mapping[str, npt.NDArray[np.uint8]], count: int) -> list[tuple[int, int]]:
        spans = []
        for clip, kept in result.scores.items():
            window = vectors[clip][result.first :][: len(kept)]
            for start, end in intervals(window):
                middle = result.first + (start + end) // 2
                spans.append((start - end, numbers[clip], middle))
        return [(clip, middle) for _, clip, middle in sorted(spans)[:count]]

    places = middles({clip: 1 - vector for clip, vector in labels.items()}, _NORMAL)
    kinds = ["normal"] * len(places)
    for kind, vectors in anomalies.items():
        found = middles(vectors, 1)
        places += found
        kinds += [kind] * len(found)
    per_object = object_scores(train, test, protocol, weights)
    return replace(_describe(test, labels, result, per_object, places), kinds=kinds)


def _describe(
    test: Scores,
    labels: Mapping[str, npt.NDArray[np.uint8]],
    result: Series,
    per_object: Floats | None,
    places: Sequence[tuple[int, int]],
) -> Chosen:
    """Says all about frames, given by number of clip and frame in the clip."""
    items, boxes = [], []
    for clip, frame in places:
        row = int(test.clip_offsets[clip]) + frame
        a, b = (int(value) for value in test.object_offsets[row : row + 2])
        best_item = -1
        if per_object is not None and b > a:
            best_item = a + int(np.argmax(per_object[a:b]))
        items.append(best_item)
        boxes.append(test.boxes[best_item] if best_item >= 0 else np.zeros(4, np.float32))
    names = list(test.clips)
    return Chosen(
        names,
        test.clip_offsets,
        np.array([clip for clip, _ in places], np.int64),
        np.array([frame for _, frame in places], np.int64),
        np.array(items, np.int64),
        np.array([result.scores[names[c]][t - result.first] for c, t in places], np.float64),
        np.array([labels[names[c]][t] for c, t in places], np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
    )
