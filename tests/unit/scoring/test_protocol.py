import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from vadbench.config import load_config
from vadbench.errors import VadbenchError
from vadbench.scoring.evaluate import evaluate
from vadbench.scoring.protocol import (
    PROTOCOLS,
    Protocol,
    Smoothing,
    protocol_name,
    refuse_published,
)
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series, object_scores

LENGTHS = [30, 25]


def frames_of(seed: int, **components: np.ndarray) -> Scores:
    rng = np.random.default_rng(seed)
    made = components or {"error": rng.uniform(0.1, 9, sum(LENGTHS))}
    return Scores.of_frames(["a", "b"], LENGTHS, made)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=sum(LENGTHS))


def minmax(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


def by_clip(values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip("ab", np.split(values, [LENGTHS[0]]), strict=True))


@pytest.mark.parametrize(
    "source",
    [
        "HF2-VAD",
        "AMSRC",
        "VEC",
        "future-frame prediction",
        "MNAD",
        "MemAE",
        "AI-VAD",
        "SSMTL",
        "AED",
        "flow_duality",
        "object_class_aware",
        "multitask_attention",
        "raw",
    ],
)
def test_a_protocol_is_found_under_the_name_of_its_source(source: str) -> None:
    name = protocol_name(source, PROTOCOLS)
    assert name in PROTOCOLS
    assert PROTOCOLS[name].words()


def test_an_unknown_name_is_left_as_it_is() -> None:
    assert protocol_name("hf3vad", PROTOCOLS) == "hf3vad"


@pytest.mark.parametrize("name", ["hf2vad", "AI-VAD", "HF2-VAD", "future-frame-prediction"])
def test_a_protocol_of_ones_own_redefines_no_published_one(name: str) -> None:
    with pytest.raises(ValueError, match="is the published protocol"):
        refuse_published({"mine": Protocol(), name: Protocol()})
    assert list(refuse_published({"mine": Protocol()})) == ["mine"]
    raw = {"datasets": {"walkway": {"family": "walkway"}}, "methods": {}}
    with pytest.raises(VadbenchError, match=rf"evaluation\.custom: .*{name}"):
        load_config(raw | {"evaluation": {"custom": {name: {}}}})


@pytest.mark.parametrize("name", ["future_frame", "flow_duality"])
def test_psnr_is_scaled_and_not_the_error(name: str) -> None:
    scores = frames_of(1)
    protocol = PROTOCOLS[name].resolved("ped2", ["error"])
    drop, fill = protocol.drop_first, protocol.fill_first
    found = clip_series(scores, scores, protocol, {"error": 1.0})
    for clip, errors in by_clip(scores.frames["error"]).items():
        # A peak and a number of pixels of any size: they fall out of the scaled ratio.
        psnr = 10 * np.log10(255**2 / (errors / 1000))
        own = psnr[max(drop, fill) :]
        expected = 1 - minmax(own)
        if fill:
            expected = np.concatenate([expected[:1], expected])
        np.testing.assert_allclose(found.scores[clip], expected, atol=1e-12)
        assert np.abs(expected[fill:] - minmax(errors[max(drop, fill) :])).max() > 0.05


def test_psnr_without_a_scale_for_each_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="psnr goes with normalise: clip_minmax"):
        Protocol(psnr=True, normalise="train_z")


def test_scores_that_are_no_errors_are_scaled_as_they_are() -> None:
    scores = frames_of(2)
    protocol = PROTOCOLS["future_frame"].resolved("ped2")
    found = clip_series(scores, scores, protocol, {"error": 1.0})
    for clip, values in by_clip(scores.frames["error"]).items():
        np.testing.assert_allclose(found.scores[clip], minmax(values[4:]))


def test_an_error_of_zero_counts_as_the_smallest_other_one() -> None:
    errors = np.full(sum(LENGTHS), 2.0)
    errors[[5, 40]], errors[[10, 50]] = 0.0, 200.0
    scores = frames_of(0, error=errors)
    protocol = PROTOCOLS["future_frame"].resolved("ped2", ["error"])
    found = clip_series(scores, scores, protocol, {"error": 1.0})
    for values in found.scores.values():
        assert sorted(set(values)) == [0.0, 1.0]


def test_a_negative_error_is_refused() -> None:
    scores = frames_of(0, error=np.linspace(-1, 1, sum(LENGTHS)))
    protocol = PROTOCOLS["future_frame"].resolved("ped2", ["error"])
    with pytest.raises(VadbenchError, match="clip a: error is taken for a squared error"):
        clip_series(scores, scores, protocol, {"error": 1.0})


def test_mnad_weighs_the_error_before_the_other_term() -> None:
    rng = np.random.default_rng(3)
    parts = {"distance": rng.normal(size=sum(LENGTHS)), "error": rng.uniform(1, 9, sum(LENGTHS))}
    scores = frames_of(0, **parts)
    protocol = PROTOCOLS["mnad"].resolved("ped2", ["error"])
    found = clip_series(scores, scores, protocol, {"distance": 5.0, "error": 7.0})
    split = {name: by_clip(values) for name, values in parts.items()}
    for clip in "ab":
        error, distance = np.log(split["error"][clip][4:]), split["distance"][clip][4:]
        np.testing.assert_allclose(found.scores[clip], 0.6 * minmax(error) + 0.4 * minmax(distance))


def test_memae_scales_the_frames_that_it_keeps() -> None:
    scores = frames_of(4)
    scores.frames["error"][[0, 29]] = 1e6
    found = clip_series(scores, scores, PROTOCOLS["memae"], {"error": 1.0})
    for clip, values in by_clip(scores.frames["error"]).items():
        np.testing.assert_allclose(found.scores[clip], minmax(values[8:-7]))


def test_a_clip_shorter_than_what_is_dropped_counts_for_nothing() -> None:
    values = np.arange(45.0)
    scores = Scores.of_frames(["short", "long"], [5, 40], {"error": values})
    found = clip_series(scores, scores, PROTOCOLS["memae"], {"error": 1.0})
    assert list(found.scores) == ["long"]
    np.testing.assert_allclose(found.scores["long"], minmax(values[5:][8:-7]))


@pytest.mark.parametrize(("dataset", "sigma"), [("ped2", 3), ("shanghaitech", 7), ("", 3)])
def test_ai_vad_equals_its_plain_definition(dataset: str, sigma: float) -> None:
    train, test = frames_of(5), frames_of(6)
    labels = {clip: np.zeros(n, np.uint8) for clip, n in zip("ab", LENGTHS, strict=True)}
    labels["a"][10:20] = 1
    found = evaluate(train, test, labels, PROTOCOLS["ai_vad"].resolved(dataset), {"error": 1.0})
    low, high = train.frames["error"].min(), train.frames["error"].max()
    for clip, values in by_clip(test.frames["error"]).items():
        expected = gaussian_filter1d((values - low) / (high - low), sigma)
        np.testing.assert_allclose(found.scores[clip], expected)
    assert set(found.clip_auc) == {"a", "b"}  # b is normal throughout, and padded


def test_objects_lie_where_frames_with_their_score_would() -> None:
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 4, sum(LENGTHS))
    scores = Scores(
        ["a", "b"],
        np.cumsum([0, *LENGTHS]),
        np.cumsum([0, *counts]),
        np.zeros((counts.sum(), 4), np.float32),
        {"error": rng.uniform(1, 9, counts.sum())},
    )
    for name in ("vec", "ai_vad", "raw", "flow_duality", "future_frame"):
        protocol = PROTOCOLS[name].resolved("ped2", ["error"])
        protocol = protocol.model_copy(update={"smoothing": Smoothing(), "fill_first": 0})
        objects = object_scores(scores, scores, protocol, {"error": 1.0})
        highest = np.maximum.reduceat(objects, scores.object_offsets[:-1])
        frames = clip_series(scores, scores, protocol, {"error": 1.0})
        for clip, values in by_clip(highest).items():
            np.testing.assert_allclose(frames.scores[clip], values[frames.first :])


def test_smoothing_before_frames_are_dropped_sees_them() -> None:
    scores = frames_of(8)
    after = Protocol(drop_first=4, smoothing=Smoothing(kind="median", width=3))
    before = Protocol(drop_first=4, smoothing=Smoothing(kind="median", width=3, before_drop=True))
    one = clip_series(scores, scores, after, {"error": 1.0}).scores["a"]
    other = clip_series(scores, scores, before, {"error": 1.0}).scores["a"]
    np.testing.assert_allclose(one[1:], other[1:])
    values = scores.frames["error"]
    assert other[0] == np.median(values[3:6])
    assert one[0] == np.median([0, *values[4:6]])


def test_a_maximum_is_of_the_components_that_have_a_weight() -> None:
    rng = np.random.default_rng(3)
    error, other = rng.normal(size=(2, sum(LENGTHS)))
    scores = frames_of(3, error=error, other=other)
    protocol = PROTOCOLS["either_branch_unsmoothed"].resolved("ped2")
    alone = clip_series(scores, scores, protocol, {"error": 1.0})
    both = clip_series(scores, scores, protocol, {"error": 1.0, "other": 0.0})
    for clip, values in alone.scores.items():
        np.testing.assert_array_equal(both.scores[clip], values)


def test_a_clip_of_which_nothing_counts_has_a_scale_all_the_same() -> None:
    values = np.array([5.0, 7.0, 6.0, 1000.0])
    scores = Scores.of_frames(["a", "b"], [3, 1], {"error": values})
    found = clip_series(scores, scores, PROTOCOLS["flow_duality"].resolved("ped2"), {"error": 1.0})
    assert max(map(np.max, found.scores.values())) <= 1.0


def test_branches_that_are_smoothed_apart_equal_their_plain_definition() -> None:
    train, test = (
        frames_of(4, error=noise(1), other=noise(2)),
        frames_of(5, error=noise(3), other=noise(4)),
    )
    found = clip_series(
        train, test, PROTOCOLS["multitask_attention"].resolved("ped2"), {"error": 1.0, "other": 1.0}
    )
    parts = {name: by_clip(values) for name, values in test.frames.items()}
    together = clip_series(
        train, test, PROTOCOLS["either_branch"].resolved("ped2"), {"error": 1.0, "other": 1.0}
    )
    for clip in "ab":
        smooth = []
        for name, by in parts.items():
            known = train.frames[name]
            z = (by[clip] - known.mean()) / known.std()
            width = min(41, len(z) - 1 + len(z) % 2)
            smooth.append(savgol_filter(z, width, 1, mode="nearest"))
        np.testing.assert_allclose(found.scores[clip], np.max(smooth, axis=0))
        assert (found.scores[clip] < together.scores[clip]).any()


def test_what_is_smoothed_before_fusion_sees_what_is_dropped() -> None:
    scores = frames_of(8)
    smoothing = Smoothing(kind="median", width=3, before_fusion=True)
    early = Protocol(drop_first=4, smoothing=smoothing)
    found = clip_series(scores, scores, early, {"error": 1.0}).scores["a"]
    assert found[0] == np.median(scores.frames["error"][3:6])
    assert early.words().startswith("each component: median of 3 frames")
    assert early.words().count("median") == 1


def test_all_test_clips_together_have_one_range() -> None:
    scores = frames_of(6, error=noise(5), other=100 * noise(6))
    protocol = Protocol(drop_first=4, normalise="test_minmax")
    found = clip_series(scores, scores, protocol, {"error": 1.0, "other": 1.0})
    parts = {name: by_clip(values) for name, values in scores.frames.items()}
    kept = {n: np.concatenate([by[c][4:] for c in "ab"]) for n, by in parts.items()}
    for clip in "ab":
        expected = sum((by[clip][4:] - kept[n].min()) / np.ptp(kept[n]) for n, by in parts.items())
        np.testing.assert_allclose(found.scores[clip], expected)


def test_a_frame_without_objects_scores_as_the_nearest_that_has_one() -> None:
    counts = np.array([0, 1, 0, 0, 0, 2, 0, 0, 1])
    scores = Scores(
        ["a", "b"],
        np.array([0, 7, 9]),
        np.cumsum([0, *counts]),
        np.zeros((4, 4), np.float32),
        {"error": np.array([3.0, 5.0, 4.0, 9.0])},
    )
    found = clip_series(scores, scores, Protocol(empty_frame="nearest"), {"error": 1.0})
    assert found.scores["a"].tolist() == [3, 3, 3, 3, 5, 5, 5]
    assert found.scores["b"].tolist() == [9, 9]
    lonely = Scores(
        ["d"], np.array([0, 2]), np.zeros(3, int), np.zeros((0, 4)), {"error": np.zeros(0)}
    )
    empty = clip_series(scores, lonely, Protocol(empty_frame="nearest"), {"error": 1.0})
    assert empty.scores["d"].tolist() == [0, 0]
