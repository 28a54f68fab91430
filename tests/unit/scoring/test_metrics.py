import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from vadbench.scoring.metrics import (
    average_precision,
    best_f1,
    clip_counts,
    curve_metrics,
    draw_clips,
    equal_error_rate,
    interval,
    macro_interval,
    metric_intervals,
)

FRAMES = st.lists(
    st.tuples(st.booleans(), st.integers(-5, 5) | st.floats(-5, 5)), min_size=2, max_size=40
).filter(lambda rows: len({label for label, _ in rows}) == 2)


def f1(labels: np.ndarray, flagged: np.ndarray) -> float:
    precision, recall = labels[flagged].mean(), flagged[labels == 1].mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def split(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = zip(*rows, strict=True)
    return np.array(labels, np.uint8), np.array(scores, float)


@settings(max_examples=40)
@given(FRAMES)
def test_equal_error_rate_lies_on_the_roc_curve(rows: list[tuple[bool, float]]) -> None:
    labels, scores = split(rows)
    alarm, hit, _ = roc_curve(labels, scores, drop_intermediate=False)
    rate = equal_error_rate(labels, scores)
    # Along the curve, straight between its points, misses fall and false alarms rise.
    along = np.arange(len(alarm))
    misses, alarms = interp1d(along, 1 - hit), interp1d(along, alarm)
    where = brentq(lambda x: alarms(x) - misses(x), 0, along[-1], xtol=1e-12)
    assert rate == pytest.approx(float(alarms(where)), abs=1e-9)


@settings(max_examples=40)
@given(FRAMES)
def test_best_f1_is_the_best_of_all_thresholds(rows: list[tuple[bool, float]]) -> None:
    labels, scores = split(rows)
    value, limit = best_f1(labels, scores)
    every = {t: f1(labels, scores >= t) for t in np.unique(scores)}
    assert value == pytest.approx(max(every.values()))
    assert every[limit] == pytest.approx(value)


@settings(max_examples=40)
@given(FRAMES)
def test_curves_of_counts_equal_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    labels, scores = split(rows)
    counts = clip_counts([labels], [scores])
    found = curve_metrics(counts.abnormal, counts.normal)
    assert found["auc_micro"][0] == pytest.approx(roc_auc_score(labels, scores))
    expected = average_precision_score(labels, scores)
    assert found["average_precision"][0] == pytest.approx(expected)
    assert average_precision(labels, scores) == pytest.approx(expected)


@settings(max_examples=20)
@given(FRAMES, st.floats(0.1, 9), st.floats(-9, 9))
def test_metrics_of_ranks_do_not_change_with_the_scale(
    rows: list[tuple[bool, float]], scale: float, shift: float
) -> None:
    labels, scores = split(rows)
    # Ranks themselves: a scale may make scores equal that floating point cannot tell apart.
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)
    moved = np.exp(scale * ranks / len(ranks)) + shift
    if len(np.unique(moved)) < len(np.unique(ranks)):
        return
    for metric in (equal_error_rate, average_precision, lambda y, s: best_f1(y, s)[0]):
        assert metric(labels, moved) == pytest.approx(metric(labels, scores))


def clips(seed: int, count: int = 6) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    labels = [(rng.random(rng.integers(5, 40)) < 0.4).astype(np.uint8) for _ in range(count)]
    labels[0][:] = 1
    return labels, [part + rng.normal(size=len(part)).round(1) for part in labels]


def test_intervals_are_those_of_repeated_clips() -> None:
    labels, scores = clips(0)
    drawn = draw_clips(6, 50)
    values: dict[str, list[float]] = {"auc_micro": [], "average_precision": [], "eer": [], "f1": []}
    for weights in drawn.astype(int):
        truth = np.concatenate([np.tile(y, n) for y, n in zip(labels, weights, strict=True)])
        every = np.concatenate([np.tile(s, n) for s, n in zip(scores, weights, strict=True)])
        if truth.min() == truth.max():
            continue
        values["auc_micro"].append(roc_auc_score(truth, every))
        values["average_precision"].append(average_precision_score(truth, every))
        values["eer"].append(equal_error_rate(truth, every))
        values["f1"].append(max(f1(truth, every >= t) for t in np.unique(every)))
    found = metric_intervals(labels, scores, drawn)
    for metric, expected in values.items():
        assert found[metric] == pytest.approx(np.quantile(expected, [0.025, 0.975])), metric


def test_resamples_of_one_class_are_left_out() -> None:
    labels = [np.ones(4, np.uint8), np.array([0, 0, 1, 1], np.uint8)]
    scores = [np.arange(4.0), np.arange(4.0)]
    low, high = metric_intervals(labels, scores, draw_clips(2, 100))["auc_micro"]
    assert 0.5 < low <= high <= 1
    only = [np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0]])]
    assert metric_intervals(labels, scores, only[0])["auc_micro"] is None
    assert metric_intervals(labels, scores, only[1])["auc_micro"] is None


def test_one_clip_has_no_interval() -> None:
    labels, scores = clips(1, 2)
    assert metric_intervals(labels[1:], scores[1:], draw_clips(1))["auc_micro"] is None
    assert macro_interval({"a": 0.5}, ["a"], draw_clips(1)) is None
    assert interval(np.zeros(0)) is None


def test_the_order_of_clips_moves_no_draw() -> None:
    assert (draw_clips(5) == draw_clips(5)).all()
    assert (draw_clips(5).sum(axis=1) == 5).all()
    assert (draw_clips(5, seed=1) != draw_clips(5)).any()


def test_thinned_thresholds_move_interval_ends_by_less_than_half_a_thousandth() -> None:
    rng = np.random.default_rng(2)
    labels = [(rng.random(4000) < 0.4).astype(np.uint8) for _ in range(8)]
    scores = [part + rng.normal(size=len(part)) for part in labels]
    drawn = draw_clips(8, 20)
    thinned = metric_intervals(labels, scores, drawn)
    counts = clip_counts(labels, scores)
    exact = curve_metrics(drawn @ counts.abnormal, drawn @ counts.normal)
    for metric, values in exact.items():
        assert thinned[metric] == pytest.approx(interval(values), abs=5e-4), metric


def test_macro_interval_weighs_clips() -> None:
    drawn = np.array([[2.0, 1, 0], [0, 0, 3], [1, 1, 1]])
    # The third clip is of one class: the second resample has no clip that counts.
    expected = np.quantile([(2 * 0.9 + 0.6) / 3, 0.75], [0.025, 0.975])
    found = macro_interval({"a": 0.9, "b": 0.6}, ["a", "b", "c"], drawn)
    assert found == pytest.approx(tuple(expected))
