"""Region- and track-level metrics: RBDC and TBDC (Ramachandra and Jones, WACV 2020).

- A ground-truth region is detected when its IoU with a detected region of the frame is at least
  ALPHA; a detected region is a false positive when its IoU with every ground-truth region of the
  frame is below ALPHA.
- A track is detected when at least a share BETA of its regions is.
- RBDC (TBDC) is the area under the region (track) detection rate against false positives per frame,
  from 0 to 1. Points of the curve are joined by straight lines; a curve that ends before 1 goes on
  level, since lower thresholds detect nothing more.

Regions are boxes. Detected regions are scored objects or, of a map, the boxes of the connected
components (8 neighbours) at or above a threshold.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vadbench.overlap import intersection_over_union
from vadbench.regions import Regions
from vadbench.scoring.metrics import Interval, interval
from vadbench.scoring.scores import Scores

__all__ = ["ALPHA", "BETA", "RegionCounts", "area_to_one", "count_boxes", "count_maps", "summarise"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.float32]
ALPHA = 0.1
BETA = 0.1
_THRESHOLDS = 1024
_MAP_THRESHOLDS = 64


@dataclass(frozen=True)
class RegionCounts:
    """What C clips add to the curves at K thresholds, which fall.

    Attributes:
        regions, tracks: (C, K) detected ground-truth regions and tracks.
        false_positives: (C, K) detected regions that are none.
        all_regions, all_tracks, frames: (C,) how many there are.
        pooled: The same of all clips together, where it has more thresholds.
    """

    regions: Floats
    tracks: Floats
    false_positives: Floats
    all_regions: Floats
    all_tracks: Floats
    frames: Floats
    pooled: "RegionCounts | None" = None


@dataclass(frozen=True)
class _Truth:
    """Regions of the frames that count: frame, clip and track of each, and frames of each clip.

    Attributes:
        rows: (G,) row of each region's frame among all frames of the split.
        owners: (G,) number of its clip among those that count.
        tracks: (G,) number of its track, counted over all clips.
        track_owners: (M,) clip of each track.
        kept: (F,) number of the clip that a frame counts for, -1 for one that does not.
    """

    rows: Indices
    boxes: npt.NDArray[np.float32]
    owners: Indices
    tracks: Indices
    track_owners: Indices
    kept: Indices
    clips: int


def count_boxes(
    truth: Regions, test: Scores, scores: Floats, kept: Mapping[str, slice]
) -> RegionCounts | None:
    """Counts detections of scored objects.

    Args:
        truth: Ground truth.
        test: The objects' boxes and frames.
        scores: (N,) a score per object.
        kept: The frames of each clip that count; clips without ground truth are left out.

    Returns:
        None where the ground truth knows no region.
    """
    known = _known(truth, kept)
    if known is None:
        return None
    frames = np.repeat(np.arange(test.n_frames), np.diff(test.object_offsets))
    counted = known.kept[frames] >= 0
    region_scores, is_false = _match(known, test.object_offsets, test.boxes, scores)
    falling = -np.unique(-scores[counted])
    false, owners = is_false & counted, known.kept[frames]
    by_track = _track_scores(region_scores, known.tracks)

    def counts(clips: int, levels: Floats, pooled: RegionCounts | None = None) -> RegionCounts:
        of_regions, of_tracks, of_false, frame_owners = (
            np.minimum(item, clips - 1)
            for item in (known.owners, known.track_owners, owners[false], known.kept)
        )
        return RegionCounts(
            _at_least(region_scores, of_regions, clips, levels),
            _at_least(by_track, of_tracks, clips, levels),
            _at_least(scores[false], of_false, clips, levels),
            *_totals(of_regions, of_tracks, frame_owners, clips),
            pooled,
        )

    if len(falling) <= _THRESHOLDS:
        return counts(known.clips, falling)
    # Intervals need no more; most of them lie where there is one false positive per frame or less.
    last = len(falling) - 1
    near = np.linspace(0, min(last, 4 * int((known.kept >= 0).sum())), 3 * _THRESHOLDS // 4)
    far = np.linspace(near[-1], last, _THRESHOLDS // 4)
    chosen = falling[np.unique(np.concatenate([near, far]).round().astype(np.int64))]
    return counts(known.clips, chosen, counts(1, falling))


def count_maps(
    truth: Regions,
    maps: Mapping[str, npt.NDArray[np.float16]],
    kept: Mapping[str, slice],
) -> RegionCounts | None:
    """Counts detections of thresholded maps.

    Thresholds are 64 quantiles of the frames' maxima: below the lowest every frame has a region.
    Regions of a map merge as the threshold falls, so that false positives may become fewer again;
    the curve is the highest rate at no more than so many false positives.

    Args:
        truth: Ground truth.
        maps: (T, H, W) of each clip, of whole frames in any size; opened clip by clip.
        kept: The frames of each clip that count.
    """
    known = _known(truth, kept)
    if known is None:
        return None
    starts = dict(zip(truth.clips, truth.clip_offsets.tolist(), strict=False))
    sizes = dict(zip(truth.clips, truth.sizes.tolist(), strict=True))
    counted = {c: span for c, span in kept.items() if known.kept[starts[c] + span.start] >= 0}
    maxima = [maps[clip][span].max(axis=(1, 2)) for clip, span in counted.items()]
    steps = np.linspace(1, 0, _MAP_THRESHOLDS)
    falling = -np.unique(-np.quantile(np.concatenate(maxima).astype(np.float64), steps))
    # Of each threshold, rows and boxes of what was found in all clips, read one after another.
    rows: list[list[int]] = [[] for _ in falling]
    boxes: list[list[Boxes]] = [[np.zeros((0, 4), np.float32)] for _ in falling]
    for clip, span in counted.items():
        for t, values in enumerate(maps[clip][span], start=starts[clip] + span.start):
            for column, level in enumerate(falling):
                found = _map_boxes(values.astype(np.float32), level, sizes[clip])
                boxes[column].append(found)
                rows[column] += [t] * len(found)
    regions = np.zeros((known.clips, len(falling)))
    tracks, false = np.zeros_like(regions), np.zeros_like(regions)
    at = np.ones(1)
    for column in range(len(falling)):
        frames, every = np.array(rows[column], np.int64), np.concatenate(boxes[column])
        offsets = np.searchsorted(frames, np.arange(len(known.kept) + 1))
        region_scores, is_false = _match(known, offsets, every, np.ones(len(every)))
        by_track = _track_scores(region_scores, known.tracks)
        regions[:, column] = _at_least(region_scores, known.owners, known.clips, at)[:, 0]
        tracks[:, column] = _at_least(by_track, known.track_owners, known.clips, at)[:, 0]
        owners = known.kept[frames][is_false]
        false[:, column] = np.bincount(owners, minlength=known.clips)
    totals = _totals(known.owners, known.track_owners, known.kept, known.clips)
    return RegionCounts(regions, tracks, false, *totals)


def summarise(counts: RegionCounts, drawn: Floats) -> dict[str, tuple[float, Interval]]:
    """Returns `rbdc` and `tbdc`, 0 to 1, each with its 95 % interval over clips.

    Resamples without regions are left out.

    Args:
        counts: Counts of C clips.
        drawn: (B, C) from `vadbench.scoring.metrics.draw_clips`.
    """
    bounds: dict[str, Interval] = {"rbdc": None, "tbdc": None}
    if len(counts.frames) > 1:
        blocks = [_areas(counts, drawn[a:b]) for a, b in pairwise(range(0, len(drawn) + 64, 64))]
        bounds = {
            name: interval(np.concatenate([block[name] for block in blocks])) for name in bounds
        }
    whole = counts.pooled or counts
    values = _areas(whole, np.ones((1, len(whole.frames))))
    return {name: (float(values[name][0]), bounds[name]) for name in bounds}


def _areas(counts: RegionCounts, weights: Floats) -> dict[str, Floats]:
    """Returns `rbdc` and `tbdc` of clips that count so often, (B, C); a row without is left out."""
    weights = weights[weights @ counts.all_regions > 0]
    alarms = (weights @ counts.false_positives) / (weights @ counts.frames)[:, None]
    return {
        name: area_to_one(alarms, (weights @ hits) / (weights @ total)[:, None])
        for name, hits, total in (
            ("rbdc", counts.regions, counts.all_regions),
            ("tbdc", counts.tracks, counts.all_tracks),
        )
    }


def area_to_one(alarms: Floats, rates: Floats) -> Floats:
    """Area under detection rate against false positives per frame, from 0 to 1.

    Args:
        alarms: (B, K) false positives per frame, at thresholds that fall.
        rates: (B, K) detection rates, 0 to 1.

    Returns:
        (B,).
    """
    if (np.diff(alarms, axis=1) < 0).any():  # Of boxes they only rise.
        order = np.argsort(alarms, axis=1, kind="stable")
        alarms = np.take_along_axis(alarms, order, axis=1)
        rates = np.take_along_axis(rates, order, axis=1)
    zero = np.zeros((len(alarms), 1))
    x, y = np.hstack([zero, alarms]), np.maximum.accumulate(np.hstack([zero, rates]), axis=1)
    inside = np.minimum(x, 1)
    step = np.diff(x)
    share = np.diff(inside) / np.where(step > 0, step, 1)
    end = y[:, :-1] + share * np.diff(y)
    area: Floats = (np.diff(inside) * (y[:, :-1] + end)).sum(axis=1) / 2
    return area + (1 - inside[:, -1]) * y[:, -1]


def _known(truth: Regions, kept: Mapping[str, slice]) -> _Truth | None:
    """Picks the regions of the frames that count, of clips whose regions are known."""
    owner_of = np.full(int(truth.clip_offsets[-1]), -1, np.int64)
    clip_of = np.repeat(np.arange(len(truth.clips)), np.diff(truth.clip_offsets))
    number = 0
    for clip, start, known in zip(truth.clips, truth.clip_offsets, truth.known, strict=False):
        if known and clip in kept:
            owner_of[start + kept[clip].start : start + kept[clip].stop] = number
            number += 1
    rows = np.repeat(np.arange(len(owner_of)), np.diff(truth.frame_offsets))
    chosen = owner_of[rows] >= 0
    if not chosen.any():
        return None
    rows = rows[chosen]
    names = np.stack([clip_of[rows], truth.tracks[chosen]], axis=1)
    unique, tracks = np.unique(names, axis=0, return_inverse=True)
    tracks = tracks.ravel()
    track_owners = np.zeros(len(unique), np.int64)
    track_owners[tracks] = owner_of[rows]
    return _Truth(rows, truth.boxes[chosen], owner_of[rows], tracks, track_owners, owner_of, number)


def _totals(
    regions: Indices, tracks: Indices, frames: Indices, clips: int
) -> tuple[Floats, Floats, Floats]:
    """Counts regions, tracks and frames by their clips."""
    counts = [
        np.bincount(owners, minlength=clips).astype(np.float64)
        for owners in (regions, tracks, frames[frames >= 0])
    ]
    return counts[0], counts[1], counts[2]


def _match(
    known: _Truth, offsets: Indices, boxes: npt.NDArray[np.float32], scores: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Matches detected regions with ground truth, every pair of a frame at once.

    Returns:
        (G,) the highest score that detects each region, -inf where none does; (N,) whether each
        detection matches nothing.
    """
    counts = (offsets[known.rows + 1] - offsets[known.rows]).astype(np.int64)
    truth = np.repeat(np.arange(len(known.rows)), counts)
    within = np.arange(len(truth)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = offsets[known.rows][truth] + within
    hit = intersection_over_union(known.boxes[truth], boxes[found]) >= ALPHA
    region_scores = np.full(len(known.rows), -np.inf)
    np.maximum.at(region_scores, truth[hit], scores[found[hit]])
    is_false = np.ones(len(boxes), np.bool_)
    is_false[found[hit]] = False
    return region_scores, is_false


def _track_scores(region_scores: Floats, tracks: Indices) -> Floats:
    """Returns the highest threshold at which a share BETA of each track's regions is detected."""
    order = np.lexsort((-region_scores, tracks))
    sizes = np.bincount(tracks)
    starts = np.cumsum(sizes) - sizes
    # A tenth of 30 regions is 3, whatever floating point makes of it.
    needed = np.array([max(1, math.ceil(BETA * size - 1e-9)) for size in sizes.tolist()])
    scores: Floats = region_scores[order][starts + needed - 1]
    return scores


def _at_least(scores: Floats, owners: Indices, clips: int, falling: Floats) -> Floats:
    """Counts, for each clip, the scores at or above each threshold, (C, K)."""
    first = np.searchsorted(-falling, -scores)
    cells = owners * (len(falling) + 1) + first
    counts = np.bincount(cells, minlength=clips * (len(falling) + 1))
    return counts.reshape(clips, -1)[:, :-1].cumsum(axis=1).astype(np.float64)


def _map_boxes(values: npt.NDArray[np.float32], level: float, size: Sequence[int]) -> Boxes:
    """Returns the boxes of a map's components at or above a level, in pixels of the frame."""
    import cv2

    mask = values >= level
    if not mask.any():
        return np.zeros((0, 4), np.float32)
    _, _, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    x, y, width, height = found[1:, :4].T.astype(np.float32)
    scale_y, scale_x = (whole / part for whole, part in zip(size, mask.shape, strict=True))
    boxes: Boxes = np.stack(
        [x * scale_x, y * scale_y, (x + width) * scale_x, (y + height) * scale_y], axis=1
    ).astype(np.float32)
    return boxes
