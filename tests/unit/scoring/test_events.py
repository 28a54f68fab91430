import numpy as np
import pytest

from vadbench.scoring.events import find_events, threshold
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores


def scores_of(series: dict[str, list[float]], *, objects: bool = False) -> Scores:
    flat = np.concatenate([np.array(values, float) for values in series.values()])
    offsets = np.concatenate([[0], np.cumsum([len(values) for values in series.values()])])
    if not objects:
        none = np.zeros(len(flat) + 1, np.int64)
        return Scores(list(series), offsets, none, np.zeros((0, 4), np.float32), {}, {"a": flat})
    boxes = np.arange(4 * len(flat), dtype=np.float32).reshape(-1, 4)
    return Scores(list(series), offsets, np.arange(len(flat) + 1), boxes, {"a": flat})


def test_the_threshold_is_exceeded_by_the_share_that_was_asked_for() -> None:
    train = scores_of({"one": list(range(50)), "two": list(range(50, 100))})
    values = np.arange(100)
    for share in (0.01, 0.05, 0.2):
        limit = threshold(train, PROTOCOLS["raw"], {"a": 1.0}, share)
        assert (values > limit).mean() <= share
        assert (values > limit).mean() >= share - 0.011


@pytest.mark.parametrize("objects", [True, False])
def test_events_are_ranked_by_their_peaks_and_joined_over_short_gaps(objects: bool) -> None:
    one = [0, 5, 6, 0, 7, 0, 0, 0, 5.5, 0.0]
    two = [9, 0, 0, 0, 0.0]
    test = scores_of({"one": one, "two": two}, objects=objects)
    events = find_events(test, test, PROTOCOLS["raw"], {"a": 1.0}, 4.0, gap=1)
    found = [(e.rank, e.clip, e.first, e.last, e.peak, e.peak_frame) for e in events]
    assert found == [
        (1, "two", 0, 0, 9.0, 0),
        (2, "one", 1, 4, 7.0, 4),
        (3, "one", 8, 8, 5.5, 8),
    ]
    assert events[1].box == ((16.0, 17.0, 18.0, 19.0) if objects else None)
    record = events[1].record(2.0)
    assert (record["start"], record["end"]) == (0.5, 2.5)


def test_frames_that_the_protocol_drops_keep_their_numbers() -> None:
    test = scores_of({"one": [9.0, 0, 0, 0, 0, 0, 8, 8, 8, 0, 0, 0, 0]})
    protocol = PROTOCOLS["drop4"].model_copy(update={"normalise": "none"})
    (event,) = find_events(test, test, protocol, {"a": 1.0}, 4.0, gap=0)
    assert (event.first, event.last, event.peak_frame) == (6, 8, 6)


def test_nothing_above_the_threshold_is_no_event() -> None:
    test = scores_of({"one": [1.0, 2, 3, 2, 1]})
    assert find_events(test, test, PROTOCOLS["raw"], {"a": 1.0}, 3.0, gap=0) == []
