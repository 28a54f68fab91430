from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.regions import Regions
from vadbench.scoring.evaluate import evaluate_maps
from vadbench.scoring.maps import open_maps
from vadbench.scoring.metrics import draw_clips
from vadbench.scoring.pixels import count_pixels, summarise


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_pixel_auc_and_the_criterion_equal_their_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(2, 6, 5, 4)).round(1).astype(np.float16)
    masks = rng.random((2, 6, 5, 4)) < 0.2
    masks[:, 0], masks[:, 1] = False, True
    counts = [count_pixels(maps[c], masks[c].__getitem__) for c in range(2)]
    found = summarise(counts, draw_clips(2, 10))
    expected = roc_auc_score(masks.ravel(), maps.ravel().astype(float))
    assert found["auc_pixel"][0] == pytest.approx(expected)
    # Of UCSD's criterion: at each threshold, the shares of frames that count.
    frames, truth = maps.reshape(12, -1).astype(float), masks.reshape(12, -1)
    abnormal = truth.any(axis=1)
    points = [(0.0, 0.0)]
    for level in np.unique(frames)[::-1]:
        above = frames >= level
        share = [above[t][truth[t]].mean() if abnormal[t] else 0 for t in range(12)]
        hits = np.mean([share[t] >= 0.4 - 1e-9 for t in range(12) if abnormal[t]])
        points.append((above[~abnormal].any(axis=1).mean(), hits))
    x, y = np.array(points).T
    area = ((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum()
    assert found["auc_pixel40"][0] == pytest.approx(area)
    # Of each frame the highest threshold that flags it is its score.
    levels = np.unique(frames)
    flagged = [
        max(
            level
            for level in levels
            if ((frames[t] >= level)[truth[t]].mean() >= 0.4 - 1e-9 if abnormal[t] else True)
            and (frames[t] >= level).any()
        )
        for t in range(12)
    ]
    alarm, hit, _ = roc_curve(abnormal, flagged, drop_intermediate=False)
    along = np.arange(len(alarm))
    alarms, misses = interp1d(along, alarm), interp1d(along, 1 - hit)
    where = brentq(lambda x: alarms(x) - misses(x), 0, along[-1], xtol=1e-12)
    assert found["eer_pixel40"][0] == pytest.approx(float(alarms(where)), abs=1e-9)


def test_masks_are_brought_to_the_maps_size_and_never_vanish() -> None:
    maps = np.zeros((2, 4, 4), np.float16)
    maps[1, 0, 0] = 1
    mask = np.zeros((2, 40, 40), np.bool_)
    mask[1, 2:5, 2:5] = True  # less than half of the map's pixel
    counts = count_pixels(maps, mask.__getitem__)
    assert counts.labels.tolist() == [0, 1]
    assert counts.abnormal.sum() == 1
    assert summarise([counts], draw_clips(1))["auc_pixel"] == (1.0, None)


def test_minus_zero_is_zero() -> None:
    maps = np.array([[[0.0, -0.0]], [[-0.0, 0.0]]], np.float16)
    masks = np.array([[[False, False]], [[True, True]]])
    found = summarise([count_pixels(maps, masks.__getitem__)], draw_clips(1))
    assert found["auc_pixel"][0] == 0.5


def test_pixels_of_one_class_have_no_metrics() -> None:
    maps = np.zeros((2, 4, 4), np.float16)
    counts = count_pixels(maps, lambda t: np.zeros((4, 4), np.bool_))
    assert summarise([counts], draw_clips(1)) == {}


def test_drawn_clips_without_a_normal_pixel_are_left_out_of_the_interval() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((6, 4, 4)).astype(np.float16)
    mixed = count_pixels(maps, lambda t: np.full((4, 4), t > 3))
    whole = count_pixels(maps, lambda t: np.ones((4, 4), np.bool_))
    value, bounds = summarise([mixed, whole], draw_clips(2))["auc_pixel"]
    assert bounds is not None
    assert 0 <= bounds[0] <= value <= bounds[1] <= 1


def test_stored_maps_are_judged_in_space_clip_by_clip(tmp_path: Path) -> None:
    """Two clips of three frames with a region each; the third clip has no masks."""
    rng = np.random.default_rng(0)
    maps = rng.uniform(0, 0.1, (9, 8, 12)).astype(np.float16)
    mask = np.zeros((9, 16, 24), np.bool_)
    for t in (1, 2, 4):
        mask[t, 4:8, 6:12] = True
        maps[t, 2:4, 3:6] = 1
    path = tmp_path / "maps.h5"
    with ArtefactWriter(path, "maps", Identity("made", "test"), 9, settings={}) as writer:
        writer.put("clips", ["a", "b", "c"])
        writer.put("clip_offsets", np.array([0, 3, 6, 9]))
        writer.append("map/motion", maps)
    regions = Regions(
        ["a", "b", "c"],
        np.array([0, 3, 6, 9]),
        np.array([True, True, False]),
        np.array([0, 0, 1, 2, 2, 3, 3, 3, 3, 3]),
        np.array([[6, 4, 12, 8]] * 3, np.float32),
        np.zeros(3, np.int32),
        np.array([[16, 24]] * 3),
        "pixel masks",
    )
    starts = {"a": 0, "b": 3}

    def open_mask(clip: str):
        return None if clip == "c" else lambda t: mask[starts[clip] + t]

    with open_maps(path) as opened:
        records = evaluate_maps(opened, regions, open_mask)
    values = {item["metric"]: item["value"] for item in records}
    assert set(values) == {"auc_pixel", "auc_pixel40", "eer_pixel40", "rbdc", "tbdc"}
    assert values["auc_pixel"] == values["auc_pixel40"] == 1.0
    assert values["eer_pixel40"] == 0.0
    assert values["rbdc"] == values["tbdc"] == 1.0
    assert all(item["score"] == "motion" and item["protocol"] == "raw" for item in records)
    assert "over 2 of 3 clips" in records[0]["note"]
    assert "1 clips without masks left out" in records[-1]["note"]
