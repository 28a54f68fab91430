"""RBDC and TBDC against cases worked out by hand, and against a plain loop over thresholds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadbench.overlap import intersection_over_union
from vadbench.regions import Regions
from vadbench.scoring.metrics import draw_clips
from vadbench.scoring.regions import ALPHA, BETA, area_to_one, count_boxes, count_maps, summarise
from vadbench.scoring.scores import Scores

Box = tuple[float, float, float, float]
HERE, THERE = (0, 0, 10, 10), (50, 50, 60, 60)


def truth_of(clips: list[list[list[tuple[Box, int]]]], known: list[bool] | None = None) -> Regions:
    """Regions, as box and track, by clip and frame."""
    frames = [frame for clip in clips for frame in clip]
    items = [item for frame in frames for item in frame]
    return Regions(
        [f"{n}" for n in range(len(clips))],
        np.cumsum([0, *map(len, clips)]),
        np.array(known or [True] * len(clips)),
        np.cumsum([0, *map(len, frames)]),
        np.array([box for box, _ in items], np.float32).reshape(-1, 4),
        np.array([track for _, track in items], np.int32),
        np.full((len(clips), 2), 100),
        "pixel masks",
    )


def found_of(clips: list[list[list[tuple[Box, float]]]]) -> tuple[Scores, np.ndarray]:
    """Objects, as box and score, by clip and frame."""
    frames = [frame for clip in clips for frame in clip]
    items = [item for frame in frames for item in frame]
    scores = np.array([score for _, score in items], float)
    boxes = np.array([box for box, _ in items], np.float32).reshape(-1, 4)
    names = [f"{n}" for n in range(len(clips))]
    offsets = np.cumsum([0, *map(len, clips)])
    return Scores(names, offsets, np.cumsum([0, *map(len, frames)]), boxes), scores


def measured(truth: Regions, found: tuple[Scores, np.ndarray]) -> tuple[float, float]:
    lengths = np.diff(truth.clip_offsets)
    kept = {clip: slice(0, n) for clip, n in zip(truth.clips, lengths, strict=True)}
    counts = count_boxes(truth, *found, kept)
    areas = summarise(counts, draw_clips(len(counts.frames), 20))
    return areas["rbdc"][0], areas["tbdc"][0]


def test_overlap_of_boxes() -> None:
    boxes = np.array([HERE, (5, 0, 15, 10), THERE, (3, 3, 3, 8)])
    found = intersection_over_union(boxes[:, None], boxes[None])
    np.testing.assert_allclose(found[0], [1, 50 / 150, 0, 0])
    np.testing.assert_allclose(np.diag(found), [1, 1, 1, 0])


def test_perfect_detections_have_area_one() -> None:
    truth = truth_of([[[(HERE, 1)], [(HERE, 1)], []]])
    assert measured(truth, found_of([[[(HERE, 3.0)], [(HERE, 2.0)], []]])) == (1.0, 1.0)


def test_no_detection_has_area_zero() -> None:
    truth = truth_of([[[(HERE, 1)], []]])
    assert measured(truth, found_of([[[(THERE, 3.0)], []]])) == (0.0, 0.0)


def test_a_region_is_detected_from_an_overlap_of_a_tenth() -> None:
    just = (9, 0, 10, 10)  # 10 of 100 pixels
    less = (9.01, 0, 10, 10)
    truth = truth_of([[[(HERE, 1)]]])
    assert measured(truth, found_of([[[(just, 1.0)]]])) == (1.0, 1.0)
    assert measured(truth, found_of([[[(less, 1.0)]]])) == (0.0, 0.0)


def test_false_positives_come_at_a_price() -> None:
    # Four frames, one region. In falling order: a false positive, the region, a false positive.
    truth = truth_of([[[(HERE, 1)], [], [], []]])
    found = found_of([[[(HERE, 5.0)], [(THERE, 9.0)], [(THERE, 1.0)], []]])
    # Up to 1/4 false positives per frame nothing is found, from there on everything.
    assert measured(truth, found) == (0.75, 0.75)


def test_detections_with_the_same_score_are_joined_by_a_straight_line() -> None:
    truth = truth_of([[[(HERE, 1)], []]])
    found = found_of([[[(HERE, 5.0)], [(THERE, 5.0)]]])
    # From (0, 0) to (1/2, 1), then level.
    assert measured(truth, found)[0] == pytest.approx(0.25 + 0.5)


def test_what_lies_beyond_one_false_positive_per_frame_does_not_count() -> None:
    # One frame: two false positives above the region, with one score, and then the region.
    truth = truth_of([[[(HERE, 1)]]])
    found = found_of([[[(THERE, 9.0), (THERE, 9.0), (HERE, 1.0)]]])
    assert measured(truth, found) == (0.0, 0.0)
    # Tied with them the line from (0, 0) to (2, 1) is cut at 1.
    found = found_of([[[(THERE, 9.0), (THERE, 9.0), (HERE, 9.0)]]])
    assert measured(truth, found)[0] == pytest.approx(0.25)


def test_a_track_needs_a_tenth_of_its_regions() -> None:
    # A track of 30 regions needs three; only the first two or three are found.
    truth = truth_of([[[(HERE, 7)]] * 30])
    two = found_of([[[(HERE, 1.0)]] * 2 + [[]] * 28])
    three = found_of([[[(HERE, 1.0)]] * 3 + [[]] * 27])
    assert measured(truth, two) == (pytest.approx(2 / 30), 0.0)
    assert measured(truth, three) == (pytest.approx(3 / 30), 1.0)


def test_the_same_number_in_two_clips_is_two_tracks() -> None:
    truth = truth_of([[[(HERE, 1)]], [[(HERE, 1)]]])
    assert measured(truth, found_of([[[(HERE, 1.0)]], [[]]])) == (0.5, 0.5)


def test_clips_without_ground_truth_and_dropped_frames_do_not_count() -> None:
    truth = truth_of([[[(HERE, 1)], [(HERE, 1)]], [[], []]], [True, False])
    found = found_of([[[], [(HERE, 1.0)]], [[(THERE, 9.0)], [(THERE, 9.0)]]])
    kept = {"0": slice(1, 2), "1": slice(1, 2)}
    counts = count_boxes(truth, *found, kept)
    assert counts.frames.tolist() == [1]
    assert summarise(counts, draw_clips(1))["rbdc"] == (1.0, None)
    assert count_boxes(truth_of([[[]]]), *found_of([[[]]]), {"0": slice(0, 1)}) is None


def plain(truth: Regions, found: tuple[Scores, np.ndarray]) -> tuple[float, float]:
    """RBDC and TBDC as their definition reads, threshold by threshold."""
    test, scores = found
    frames = int(truth.clip_offsets[-1])
    clip_of = np.repeat(np.arange(len(truth.clips)), np.diff(truth.clip_offsets))
    points = [(0.0, 0.0, 0.0)]
    for level in sorted(set(scores), reverse=True):
        false = 0
        tracks: dict[tuple[int, int], list[bool]] = {}
        for f in range(frames):
            own = range(test.object_offsets[f], test.object_offsets[f + 1])
            boxes = [test.boxes[i] for i in own if scores[i] >= level]
            regions = range(truth.frame_offsets[f], truth.frame_offsets[f + 1])
            hit = [
                [intersection_over_union(truth.boxes[g], box) >= ALPHA for box in boxes]
                for g in regions
            ]
            for g, row in zip(regions, hit, strict=True):
                tracks.setdefault((clip_of[f], truth.tracks[g]), []).append(any(row))
            false += sum(not any(row[b] for row in hit) for b in range(len(boxes)))
        every = [item for items in tracks.values() for item in items]
        detected = [sum(items) >= BETA * len(items) - 1e-9 for items in tracks.values()]
        points.append((false / frames, np.mean(every), np.mean(detected)))
    area = np.zeros(2)
    for (x0, *y0), (x1, *y1) in pairwise(points):
        if x0 < 1 and x1 > x0:
            end = min(x1, 1)
            cut = np.array(y0) + (np.array(y1) - y0) * (end - x0) / (x1 - x0)
            area += (end - x0) * (np.array(y0) + cut) / 2
    if points[-1][0] < 1:
        area += (1 - points[-1][0]) * np.array(points[-1][1:])
    return float(area[0]), float(area[1])


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_areas_equal_the_plain_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def boxes(count: int) -> list[Box]:
        corner = rng.integers(0, 20, (count, 2))
        return [
            (x, y, x + w, y + h)
            for (x, y), (w, h) in zip(corner, rng.integers(3, 12, (count, 2)), strict=True)
        ]

    clips = [rng.integers(0, 3, rng.integers(1, 12)) for _ in range(3)]
    clips[0][0] = 1
    truth = truth_of(
        [[[(box, k) for k, box in enumerate(boxes(n))] for n in clip] for clip in clips]
    )
    found = found_of(
        [
            [[(box, float(rng.integers(0, 9))) for box in boxes(rng.integers(0, 4))] for _ in clip]
            for clip in clips
        ]
    )
    if len(found[1]):
        assert measured(truth, found) == pytest.approx(plain(truth, found))


def test_area_of_a_curve_that_goes_back_is_that_of_its_upper_bound() -> None:
    # False positives become fewer as regions of a map merge: (1/2, 0.2), (1/4, 0.6), (1/2, 0.8).
    found = area_to_one(np.array([[0.5, 0.25, 0.5]]), np.array([[0.2, 0.6, 0.8]]))
    # To (1/4, 0.6), level to 1/2, up to 0.8, level to 1.
    assert found[0] == pytest.approx(0.25 * 0.3 + 0.25 * 0.6 + 0.5 * 0.8)


def test_regions_of_maps_are_their_components() -> None:
    maps = np.zeros((3, 20, 20), np.float16)
    maps[0, 4:8, 4:8] = 5  # where the region is
    maps[1, 10:12, 10:12] = 9  # where none is
    truth = truth_of([[[((20, 20, 40, 40), 1)], [], []]])
    counts = count_maps(truth, {"0": maps}, {"0": slice(0, 3)})
    found = summarise(counts, draw_clips(1))
    # The false positive comes first: nothing up to 1/3 false positives per frame, then all. At the
    # threshold 0 the whole frame is one region, which overlaps the truth by less than a tenth.
    assert found["rbdc"][0] == pytest.approx(2 / 3, abs=0.01)
    assert found["tbdc"][0] == pytest.approx(2 / 3, abs=0.01)
