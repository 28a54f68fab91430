"""Metrics of a test set beside the plain way of computing them, a second.

- bootstrap: all four frame-level metrics of every resample of clips; the peer calls scikit-learn
  for 20 of them, and only for AUC, average precision and the ROC curve
- regions: RBDC and TBDC at every threshold, with intervals; the peer goes through frames at 50
  thresholds, without intervals

Scores are random, in the shape of Ped2 (12 clips, 2,010 frames) and ShanghaiTech (107, 40,791).
"""

import numpy as np
from rows import Row, random_boxes, seconds
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from vadbench.overlap import intersection_over_union
from vadbench.regions import Regions
from vadbench.scoring.metrics import draw_clips, metric_intervals
from vadbench.scoring.regions import ALPHA, count_boxes, summarise
from vadbench.scoring.scores import Scores

SIZES = {"Ped2": (12, 2010), "ShanghaiTech": (107, 40791)}
PLAIN = 20  # resamples that the peer computes


def _scores(clips: int, frames: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    labels = np.array_split((rng.random(frames) < 0.4).astype(np.uint8), clips)
    return labels, [part + rng.normal(size=len(part)) for part in labels]


def _bootstrap(name: str, clips: int, frames: int) -> Row:
    labels, scores = _scores(clips, frames)
    drawn = draw_clips(clips)

    def plain() -> None:
        for weights in drawn[:PLAIN].astype(int):
            truth = np.concatenate([np.tile(y, n) for y, n in zip(labels, weights, strict=True)])
            every = np.concatenate([np.tile(s, n) for s, n in zip(scores, weights, strict=True)])
            roc_auc_score(truth, every)
            average_precision_score(truth, every)
            roc_curve(truth, every)

    ours = len(drawn) / seconds(lambda: metric_intervals(labels, scores, drawn))
    return Row(f"bootstrap, {name}", ours, PLAIN / seconds(plain, 1), "resamples/s", "scikit-learn")


def _regions(frames: int, clips: int) -> tuple[Regions, Scores, np.ndarray]:
    """A region in every other frame, found by half of the boxes there."""
    found, rng = random_boxes(frames, 17), np.random.default_rng(1)
    truth = [boxes[:1] if t % 2 else boxes[:0] for t, boxes in enumerate(found)]
    offsets = np.linspace(0, frames, clips + 1).astype(np.int64)
    names = [str(n) for n in range(clips)]
    regions = Regions(
        names,
        offsets,
        np.ones(clips, np.bool_),
        np.cumsum([0, *map(len, truth)]),
        np.concatenate(truth),
        np.concatenate([np.full(len(part), t // 20, np.int32) for t, part in enumerate(truth)]),
        np.full((clips, 2), 240),
        "pixel masks",
    )
    boxes = np.concatenate(found)
    scores = Scores(names, offsets, np.cumsum([0, *map(len, found)]), boxes)
    return regions, scores, rng.normal(size=len(boxes))


def _plain_regions(truth: Regions, test: Scores, scores: np.ndarray) -> None:
    for level in np.quantile(scores, np.linspace(1, 0, 50)):
        for t in range(test.n_frames):
            own = slice(test.object_offsets[t], test.object_offsets[t + 1])
            boxes = test.boxes[own][scores[own] >= level]
            regions = truth.boxes[truth.frame_offsets[t] : truth.frame_offsets[t + 1]]
            hit = intersection_over_union(regions[:, None], boxes[None]) >= ALPHA
            hit.any(axis=0).sum(), hit.any(axis=1).sum()


def measure() -> list[Row]:
    rows = [_bootstrap(name, *size) for name, size in SIZES.items()]
    truth, test, scores = _regions(2010, 12)
    kept = {
        clip: slice(0, int(n))
        for clip, n in zip(truth.clips, np.diff(truth.clip_offsets), strict=True)
    }
    drawn = draw_clips(12)
    ours = 1 / seconds(lambda: summarise(count_boxes(truth, test, scores, kept), drawn))
    peer = 1 / seconds(lambda: _plain_regions(truth, test, scores), 1)
    rows.append(
        Row("RBDC and TBDC with intervals, Ped2", ours, peer, "/s", "50 thresholds, no intervals")
    )
    return rows
