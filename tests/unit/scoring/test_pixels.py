import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

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
