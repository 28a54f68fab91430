import numpy as np
import pytest

from vadbench.scoring.choose import choose_frames, choose_kinds, top_frames
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores

LENGTH = 40


def scene(*, objects: bool) -> tuple[Scores, dict[str, np.ndarray]]:
    """Two clips; the second scores highest at frame 30, where its second object does it."""
    values = np.linspace(1, 2, 2 * LENGTH)
    values[LENGTH + 30] = 9.0
    values[5] = 0.5
    labels = {name: np.zeros(LENGTH, np.uint8) for name in ("one", "two")}
    labels["two"][28:33] = 1
    offsets = np.array([0, LENGTH, 2 * LENGTH])
    if not objects:
        none = np.zeros(2 * LENGTH + 1, np.int64)
        boxes = np.zeros((0, 4), np.float32)
        return Scores(["one", "two"], offsets, none, boxes, {}, {"error": values}), labels
    counts = np.full(2 * LENGTH, 2)
    counts[5] = 0
    starts = np.concatenate([[0], np.cumsum(counts)])
    per_object = np.repeat(values, counts) - np.tile([0.2, 0.0], len(values) - 1)
    boxes = np.arange(len(per_object) * 4, dtype=np.float32).reshape(-1, 4)
    return Scores(["one", "two"], offsets, starts, boxes, {"error": per_object}), labels


def test_top_frames_are_apart_and_in_order_of_time() -> None:
    scores = np.array([0.0, 5, 6, 1, 4, 0])
    assert top_frames(scores, 2, 2) == [2, 4]
    assert top_frames(scores, 0, 2) == []
    assert top_frames(scores, 9, 1) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("objects", [True, False])
def test_the_highest_and_the_lowest_frames_are_chosen(objects: bool) -> None:
    scores, labels = scene(objects=objects)
    chosen = choose_frames(scores, scores, labels, PROTOCOLS["raw"], {"error": 1.0}, 1)
    assert chosen.clips == ["two", "one"]
    # Frame 5 of the first clip scores lowest but has no object that could be shown.
    assert chosen.frames.tolist() == [30, 0 if objects else 5]
    assert chosen.labels.tolist() == [1, 0]
    assert chosen.scores[0] == 9.0
    if objects:
        item = scores.object_offsets[LENGTH + 30] + 1
        assert chosen.items[0] == item
        np.testing.assert_array_equal(chosen.boxes[0], scores.boxes[item])
    else:
        assert chosen.items.tolist() == [-1, -1]
        assert not chosen.boxes.any()


def test_no_frames_are_chosen_if_none_are_asked_for() -> None:
    scores, labels = scene(objects=True)
    chosen = choose_frames(scores, scores, labels, PROTOCOLS["raw"], {"error": 1.0}, 0)
    assert len(chosen.frames) == 0
    assert chosen.boxes.shape == (0, 4)


def test_one_frame_of_each_kind_is_chosen() -> None:
    scores, labels = scene(objects=True)
    none = {name: np.zeros(LENGTH, np.uint8) for name in labels}
    anomalies = {"cyclist": {**none, "two": labels["two"]}, "cart": none}
    chosen = choose_kinds(scores, scores, labels, anomalies, PROTOCOLS["hf2vad"], {"error": 1.0})
    assert list(chosen.kinds) == ["normal", "normal", "cyclist"]
    assert chosen.labels.tolist() == [0, 0, 1]
    assert (chosen.clips[2], chosen.frames[2]) == ("two", 30)
    # The middles of the first clip without its dropped frames, and of the second before frame 28.
    assert chosen.frames[:2].tolist() == [(4 + LENGTH - 1) // 2, (4 + 27) // 2]
