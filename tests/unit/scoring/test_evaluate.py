import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import medfilt

from vadbench.errors import VadbenchError
from vadbench.scoring.evaluate import (
    Evaluation,
    anomaly_auc,
    evaluate,
    evaluate_run,
    protocol_matrix,
)
from vadbench.scoring.metrics import auc, macro_auc
from vadbench.scoring.protocol import PROTOCOLS, Protocol, Smoothing
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import frame_scores


def made(counts: list[list[int]], seed: int = 0, names: tuple[str, ...] = ("a", "b")) -> Scores:
    """Scores of clips with so many objects in each frame."""
    rng = np.random.default_rng(seed)
    flat = [count for clip in counts for count in clip]
    total = sum(flat)
    return Scores(
        [f"{number:02d}" for number in range(len(counts))],
        np.cumsum([0] + [len(clip) for clip in counts]),
        np.cumsum([0, *flat]),
        np.zeros((total, 4), np.float32),
        {name: rng.gamma(2, 5, total) for name in names},
    )


def labels_for(scores: Scores, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = np.diff(scores.clip_offsets)
    labels = {
        c: rng.integers(0, 2, n).astype(np.uint8)
        for c, n in zip(scores.clips, lengths, strict=True)
    }
    for vector in labels.values():
        vector[5:7] = 0, 1
    return labels


def random_counts(seed: int, clips: int = 3) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 4, rng.integers(30, 50)).tolist() for _ in range(clips)]


def by_counting(labels: np.ndarray, scores: np.ndarray) -> float:
    """Probability that an abnormal frame scores higher than a normal one, ties counting half."""
    high, low = scores[labels == 1][:, None], scores[labels == 0][None]
    return float((high > low).mean() + 0.5 * (high == low).mean())


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=2, max_size=60).filter(
        lambda rows: len({label for label, _ in rows}) == 2
    )
)
def test_auc_counts_pairs(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in rows], np.uint8)
    scores = np.array([score for _, score in rows], float)
    assert auc(labels, scores) == pytest.approx(by_counting(labels, scores))
    assert auc(labels, np.exp(scores) - 7) == pytest.approx(auc(labels, scores))


def test_one_class_has_no_auc() -> None:
    assert auc([1, 1, 1], [1, 2, 3]) is None


def test_hf2vad_protocol_equals_its_plain_definition() -> None:
    train, test = made(random_counts(1), 1), made(random_counts(2), 2)
    labels = labels_for(test)
    weights = {"a": 1.0, "b": 0.1}
    found = evaluate(train, test, labels, PROTOCOLS["hf2vad"], weights)
    pooled_scores, pooled_labels = [], []
    for number, clip in enumerate(test.clips):
        series = []
        for frame in range(test.clip_offsets[number], test.clip_offsets[number + 1]):
            objects = range(test.object_offsets[frame], test.object_offsets[frame + 1])
            values = [
                sum(
                    w * (test.objects[c][i] - train.objects[c].mean()) / train.objects[c].std()
                    for c, w in weights.items()
                )
                for i in objects
            ]
            empty = sum(
                w * (0 - train.objects[c].mean()) / train.objects[c].std()
                for c, w in weights.items()
            )
            series.append(max(values) if values else empty)
        smooth = medfilt(np.array(series[4:]), 17)
        np.testing.assert_allclose(found.scores[clip], smooth)
        pooled_scores.append(smooth)
        pooled_labels.append(labels[clip][4:])
    expected = by_counting(np.concatenate(pooled_labels), np.concatenate(pooled_scores))
    assert found.metrics["auc_micro"] == pytest.approx(expected)
    assert found.metrics["auc_macro"] == pytest.approx(np.mean(list(found.clip_auc.values())))


def test_raw_is_the_highest_raw_object() -> None:
    scores = made([[2, 0, 1]])
    a, b = scores.objects["a"], scores.objects["b"]
    series = frame_scores(scores, scores, Protocol(), {"a": 1.0, "b": 2.0})["00"]
    fused = a + 2 * b
    np.testing.assert_allclose(series, [max(fused[:2]), 0.0, fused[2]])


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.1, 50), st.floats(-100, 100))
def test_scale_and_shift_of_raw_scores_do_not_matter(seed: int, scale: float, shift: float) -> None:
    counts = [[count + 1 for count in clip] for clip in random_counts(seed)]
    train, test = made(counts, seed), made(counts, seed + 1)

    def moved(scores: Scores) -> Scores:
        objects = {name: scale * values + shift for name, values in scores.objects.items()}
        return Scores(
            scores.clips, scores.clip_offsets, scores.object_offsets, scores.boxes, objects
        )

    labels, weights = labels_for(test), {"a": 1.0, "b": 0.1}
    before = evaluate(train, test, labels, PROTOCOLS["hf2vad"], weights).metrics
    after = evaluate(moved(train), moved(test), labels, PROTOCOLS["hf2vad"], weights).metrics
    assert after == pytest.approx(before)


def test_order_of_clips_does_not_matter() -> None:
    counts = random_counts(3)
    test = made(counts, 3)
    parts = []
    for number in (2, 0, 1):
        frames = slice(test.clip_offsets[number], test.clip_offsets[number + 1] + 1)
        offsets = test.object_offsets[frames]
        parts.append((test.clips[number], counts[number], slice(offsets[0], offsets[-1])))
    turned = Scores(
        [name for name, _, _ in parts],
        np.cumsum([0] + [len(clip) for _, clip, _ in parts]),
        np.cumsum([0] + [n for _, clip, _ in parts for n in clip]),
        test.boxes,
        {
            name: np.concatenate([values[span] for _, _, span in parts])
            for name, values in test.objects.items()
        },
    )
    labels, weights = labels_for(test), {"a": 1.0}
    for protocol in PROTOCOLS.values():
        one = evaluate(test, test, labels, protocol, weights)
        other = evaluate(test, turned, labels, protocol, weights)
        assert other.metrics == pytest.approx(one.metrics)


def test_macro_says_what_it_does_with_clips_of_one_class() -> None:
    labels = {"x": np.array([0, 1, 1]), "y": np.array([1, 1])}
    scores = {"x": np.array([1.0, 2.0, 0.0]), "y": np.array([1.0, 2.0])}
    value, clips, note = macro_auc(labels, scores, "skip")
    assert (value, clips) == (0.5, {"x": 0.5})
    assert "y" in note
    padded, _, note = macro_auc(labels, scores, "pad")
    # A normal frame of score 0, not of the lowest score, and an abnormal one above all.
    first = by_counting(np.array([0, 0, 1, 1, 1]), np.array([0.0, 1, 2, 0, np.inf]))
    assert padded == pytest.approx(np.mean([first, 1.0]))
    assert "padded" in note


@pytest.mark.parametrize(
    "smoothing",
    [
        Smoothing(kind="median", width=17),
        Smoothing(kind="gaussian", sigma=3),
        Smoothing(kind="savgol", width=41, order=1, padding="nearest"),
    ],
)
def test_smoothing_keeps_length_also_of_short_clips(smoothing: Smoothing) -> None:
    scores = made([[1] * 7, [1] * 60])
    labels = labels_for(scores)
    found = evaluate(scores, scores, labels, Protocol(smoothing=smoothing), {"a": 1.0})
    assert [len(found.scores[clip]) for clip in scores.clips] == [7, 60]
    assert all(np.isfinite(values).all() for values in found.scores.values())


def test_lengths_and_names_that_do_not_fit_are_named() -> None:
    scores = made([[1] * 9, [1] * 9])
    labels = labels_for(scores)
    with pytest.raises(VadbenchError, match="clip 01: 9 scores, but 8 labels"):
        evaluate(scores, scores, labels | {"01": labels["01"][:8]}, Protocol(), {"a": 1.0})
    with pytest.raises(VadbenchError, match="labels of clip 02, but no scores"):
        evaluate(scores, scores, labels | {"02": labels["01"]}, Protocol(), {"a": 1.0})
    with pytest.raises(VadbenchError, match="weight for 'c', but the scores hold a, b"):
        evaluate(scores, scores, labels, Protocol(), {"c": 1.0})
    one_class = {clip: np.ones_like(vector) for clip, vector in labels.items()}
    with pytest.raises(
        VadbenchError, match="of the 18 test frames that the protocol keeps all are abnormal"
    ):
        evaluate(scores, scores, one_class, Protocol(), {"a": 1.0})


def test_constant_scores_are_said_to_say_nothing() -> None:
    scores = made([[1] * 9])
    flat = Scores(
        scores.clips,
        scores.clip_offsets,
        scores.object_offsets,
        scores.boxes,
        {"a": np.full(9, 3.0)},
    )
    found = evaluate(
        flat,
        flat,
        labels_for(flat),
        PROTOCOLS["hf2vad"].model_copy(update={"drop_first": 0, "smoothing": Smoothing()}),
        {"a": 1.0},
    )
    assert found.metrics["auc_micro"] == 0.5
    assert any("same score" in note for note in found.notes)


def test_a_run_has_fused_and_single_scores_under_every_protocol() -> None:
    scores = made(random_counts(5))
    records = evaluate_run(
        {"last": (scores, scores)}, labels_for(scores), PROTOCOLS, {"a": 1.0, "b": 0.1}
    )
    micro = {(r["protocol"], r["score"]) for r in records if r["metric"] == "auc_micro"}
    assert micro == {(p, s) for p in PROTOCOLS for s in ("fused", "a", "b")}


def test_protocols_that_are_the_same_have_the_same_records() -> None:
    scores = made(random_counts(6))
    labels, weights = labels_for(scores), {"a": 1.0, "b": 0.1}
    for measured in (evaluate_run, protocol_matrix):
        records = measured({"last": (scores, scores)}, labels, PROTOCOLS, weights)
        for name, protocol in PROTOCOLS.items():
            alone = measured({"last": (scores, scores)}, labels, {name: protocol}, weights)
            assert [item for item in records if item["protocol"] == name] == alone


def test_a_protocol_that_drops_all_abnormal_frames_is_left_out_or_named() -> None:
    scores = made([[1] * 40])
    labels = {"00": np.array([0] * 34 + [1] * 6, np.uint8)}
    assert list(labels) == list(scores.clips)
    both = {"last": (scores, scores)}
    for measured in (evaluate_run, protocol_matrix):
        found = {item["protocol"] for item in measured(both, labels, PROTOCOLS, {"a": 1.0})}
        assert found == PROTOCOLS.keys() - {"memae"}
    with pytest.raises(VadbenchError, match=r"protocol memae: of the 25 .* all are normal"):
        evaluate_run(both, labels, PROTOCOLS, {"a": 1.0}, needed={"memae"})


def test_a_score_that_is_not_finite_is_named(tmp_path) -> None:
    from vadbench.artefacts import Identity

    scores = made([[1] * 4, [2] * 4])
    scores.objects["b"][7] = np.nan
    scores.save(tmp_path / "s.h5", Identity("made", "test"), settings={})
    with pytest.raises(VadbenchError, match="b of clip 01, frame 1 is not finite"):
        Scores.load(tmp_path / "s.h5")


def test_each_kind_of_anomaly_is_told_from_normal_frames_alone() -> None:
    result = Evaluation(
        scores={"01": np.array([0.0, 1.0, 2.0, 3.0]), "02": np.array([0.5, 5.0])},
        labels={"01": np.array([0, 1, 1, 0], np.uint8), "02": np.array([0, 1], np.uint8)},
        first=1,
        metrics={},
        clip_auc={},
        notes=[],
    )
    # Vectors are of whole clips, scores start at the second frame.
    kinds = {
        "cart": {"01": np.array([0, 0, 1, 0, 0], np.uint8), "02": np.array([0, 0, 1], np.uint8)},
        "runner": {"01": np.array([0, 0, 0, 1, 0], np.uint8), "02": np.array([0, 0, 0], np.uint8)},
        "unseen": {"01": np.zeros(5, np.uint8), "02": np.zeros(3, np.uint8)},
    }
    # Normal: 0.0, 3.0, 0.5. Cart: 1.0 beats two of three, 5.0 all. Runner: 2.0 beats two.
    found = anomaly_auc(result, kinds)
    assert found == {"cart": pytest.approx(5 / 6), "runner": pytest.approx(2 / 3)}
