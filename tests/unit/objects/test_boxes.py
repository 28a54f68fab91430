from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import ArrayClip
from vadbench.artefacts import Identity, open_artefact
from vadbench.audit import _boxes
from vadbench.errors import VadbenchError
from vadbench.objects.boxes import FRAME, IMPORTED, MOTION, cover_filter, find_objects, motion_boxes
from vadbench.objects.cubes import crop_window
from vadbench.objects.settings import ObjectsSettings

OPTIONS = {"binary_threshold": 18, "blur": 3, "min_contour_area": 100}
NONE = np.zeros((0, 4), np.float32)
CLIP = Identity("made", "test", "01")


def plain_cover(boxes: np.ndarray, threshold: float) -> set[int]:
    order = sorted(range(len(boxes)), key=lambda i: np.prod(boxes[i, 2:] - boxes[i, :2]))
    kept = set()
    for rank, i in enumerate(order):
        area = np.prod(boxes[i, 2:] - boxes[i, :2])
        covered = False
        for j in order[rank + 1 :]:
            width = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            height = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            if width > 0 and height > 0 and width * height > threshold * area:
                covered = True
        if not covered:
            kept.add(i)
    return kept


boxes_strategy = st.lists(
    st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 30)] * 2), max_size=12
).map(
    lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32).reshape(-1, 4)
)


@given(boxes_strategy, st.sampled_from([0.3, 0.6, 0.65, 1.0]))
def test_cover_filter_is_its_definition(boxes: np.ndarray, threshold: float) -> None:
    assert set(cover_filter(boxes, threshold).tolist()) == plain_cover(boxes, threshold)


def frames_with(*squares: tuple[int, int, int] | None) -> list[np.ndarray]:
    frames = []
    for square in squares:
        frame = np.zeros((60, 80, 1), np.uint8)
        if square is not None:
            x, y, value = square
            frame[y : y + 20, x : x + 16] = value
        frames.append(frame)
    return frames


def test_motion_outside_known_boxes_is_found_and_inside_is_not() -> None:
    window = frames_with(None, (30, 20, 200), (30, 20, 200))
    (box,) = motion_boxes(window, NONE, **OPTIONS)
    assert abs(box - [28, 18, 48, 42]).max() <= 2
    known = np.array([[28, 18, 48, 42]], np.float32)
    assert len(motion_boxes(window, known, **OPTIONS)) == 0


@pytest.mark.parametrize("value", [60, 128, 200, 255])
def test_strong_motion_does_not_wrap_around(value: int) -> None:
    flash = frames_with(None, (30, 20, value), None)
    assert len(motion_boxes(flash, NONE, **OPTIONS)) == 1


def test_small_and_thin_motion_is_dropped() -> None:
    window = [np.zeros((60, 80, 1), np.uint8) for _ in range(3)]
    window[1][10:14, 10:14] = 255
    window[1][40:43, 5:75] = 255
    assert len(motion_boxes(window, NONE, **OPTIONS)) == 0


def test_colour_motion_in_any_channel_counts() -> None:
    window = [np.zeros((60, 80, 3), np.uint8) for _ in range(3)]
    window[1][20:40, 30:46, 0] = 90
    assert len(motion_boxes(window, NONE, **OPTIONS)) == 1


def test_motion_is_looked_for_in_every_frame_with_ends_repeated(tmp_path: Path) -> None:
    frames = frames_with((5, 5, 200), (25, 5, 200), (45, 5, 200), None)
    settings = ObjectsSettings(source="motion").effective()
    find_objects(ArrayClip(np.stack(frames)), None, None, settings, CLIP, tmp_path / "o.h5")
    with open_artefact(tmp_path / "o.h5", "objects") as objects:
        counts = np.diff(objects["frame_offsets"][:])
        assert set(objects["sources"][:].tolist()) == {MOTION}
    assert counts.tolist() == [2, 1, 1, 1] or (counts > 0).all()


def test_imported_boxes_are_clipped_to_the_frame(tmp_path: Path) -> None:
    frames = np.zeros((2, 60, 80, 1), np.uint8)
    boxes = [np.array([[-5, -5, 200, 30]], np.float32), NONE]
    settings = {"source": "import"}
    find_objects(ArrayClip(frames), None, boxes, settings, CLIP, tmp_path / "o.h5")
    with open_artefact(tmp_path / "o.h5", "objects") as objects:
        np.testing.assert_array_equal(objects["boxes"][:], [[0, 0, 80, 30]])
        np.testing.assert_array_equal(objects["frame_offsets"][:], [0, 1, 1])
        assert objects["sources"][:].tolist() == [IMPORTED]


def test_the_whole_frame_is_one_object(tmp_path: Path) -> None:
    frames = np.zeros((2, 60, 80, 1), np.uint8)
    find_objects(ArrayClip(frames), None, None, {"source": "frame"}, CLIP, tmp_path / "o.h5")
    with open_artefact(tmp_path / "o.h5", "objects") as objects:
        np.testing.assert_array_equal(objects["boxes"][:], [[0, 0, 80, 60]] * 2)
        assert objects["sources"][:].tolist() == [FRAME] * 2


def test_boxes_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    frames = np.zeros((1, 60, 80, 1), np.uint8)
    boxes = [np.array([[0, 0, np.nan, 5]], np.float32)]
    with pytest.raises(VadbenchError, match="clip 01, frame 0: not a number"):
        find_objects(ArrayClip(frames), None, boxes, {"source": "import"}, CLIP, tmp_path / "o.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ([30, 5, 20, 9], "30, 5, 20, 9: its right or lower side comes first"),
        ([20, 9, 30, 5], "20, 9, 30, 5: its right or lower side comes first"),
        ([90, 5, 95, 9], "90, 5, 95, 9: it lies outside the frame of 80 x 60 pixels"),
        ([5, -9, 9, 0], "5, -9, 9, 0: it lies outside the frame of 80 x 60 pixels"),
        ([80, 5, 85, 9], "80, 5, 85, 9: it lies outside the frame of 80 x 60 pixels"),
    ],
)
def test_boxes_of_another_form_or_frame_are_refused(
    tmp_path: Path, box: list[float], words: str
) -> None:
    boxes = [NONE, np.array([[0, 0, 5, 5], box], np.float32)]
    with pytest.raises(VadbenchError) as caught:
        find_objects(
            ArrayClip(np.zeros((2, 60, 80, 1), np.uint8)),
            None,
            boxes,
            {"source": "import"},
            CLIP,
            tmp_path / "o.h5",
            origin="data/boxes.npy",
        )
    assert str(caught.value).startswith(f"data/boxes.npy: clip 01, frame 1: box {words}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),
        (5.3, 5, 5.3, 5),
        (80, 5, 80, 9),
        (0, 0, 0, 0),
        (5, 60, 9, 60),
        (79.5, 0, 99, 9),
    ],
)
def test_an_imported_box_without_area_has_one_that_moves_no_cube(
    tmp_path: Path, box: tuple[float, ...]
) -> None:
    boxes = [np.array([box], np.float32)]
    frames = np.zeros((1, 60, 80, 1), np.uint8)
    find_objects(ArrayClip(frames), None, boxes, {"source": "import"}, CLIP, tmp_path / "o.h5")
    with open_artefact(tmp_path / "o.h5", "objects") as objects:
        (kept,) = objects["boxes"][:]
    assert crop_window(kept, 60, 80) == crop_window(boxes[0][0], 60, 80)
    assert list(_boxes(kept[None], 80, 60)) == []
