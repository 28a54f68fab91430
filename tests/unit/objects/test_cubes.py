import math
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import ArrayClip, textured
from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.errors import VadbenchError
from vadbench.objects.cubes import crop_window, cut_cubes
from vadbench.objects.settings import CubesSettings

CLIP = Identity("made", "train", "01")


def write_inputs(folder: Path, flow: np.ndarray, boxes: list[list]) -> None:
    flat = np.array([box for frame in boxes for box in frame], np.float32).reshape(-1, 4)
    offsets = np.cumsum([0] + [len(frame) for frame in boxes])
    with ArtefactWriter(folder / "flow.h5", "flow", CLIP, len(flow), settings={}) as writer:
        writer.put("flow", flow)
    with ArtefactWriter(folder / "objects.h5", "objects", CLIP, len(boxes), settings={}) as writer:
        writer.put("frame_offsets", offsets)
        writer.put("boxes", flat)
        writer.put("sources", np.full(len(flat), 2))
        writer.put("classes", np.full(len(flat), -1))
        writer.put("scores", np.ones(len(flat)))


def cut(
    folder: Path, clip: ArrayClip, flow: np.ndarray, boxes: list[list], **settings: object
) -> tuple[np.ndarray, np.ndarray]:
    write_inputs(folder, flow, boxes)
    chosen = CubesSettings.model_validate({"objects": "o", "flow": "f"} | settings)
    with (
        open_artefact(folder / "flow.h5") as fields,
        open_artefact(folder / "objects.h5") as objects,
    ):
        cut_cubes(clip, fields, objects, chosen, CLIP, folder / "cubes.h5")
    with open_artefact(folder / "cubes.h5", "cubes") as cubes:
        return cubes["frames"][:], cubes["flow"][:].astype(np.float32)


def random_flow(frames: int, height: int, width: int) -> np.ndarray:
    values = np.random.default_rng(1).normal(size=(frames, height, width, 2))
    return values.astype(np.float16)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("window", "flow_shift"), [("into_target", 3), ("previous_only", 4)])
def test_cubes_equal_the_plain_definition(
    tmp_path: Path, channels: int, window: str, flow_shift: int
) -> None:
    clip, flow = textured(7, 48, 64, channels), random_flow(7, 48, 64)
    rng = np.random.default_rng(2)
    boxes = []
    for count in (2, 0, 1, 3, 1, 0, 2):
        corner = rng.uniform(0, 30, (count, 2))
        boxes.append(np.hstack([corner, corner + rng.uniform(4, 17, (count, 2))]).tolist())
    frames, motions = cut(tmp_path, clip, flow, boxes, flow_window=window)
    assert frames.shape == (9, 5, 32, 32, channels)
    assert motions.shape == (9, 4, 32, 32, 2)
    cube = 0
    for t, found in enumerate(boxes):
        for box in found:
            x1, y1, x2, y2 = (math.ceil(np.float32(value)) for value in box)
            for k in range(5):
                crop = np.ascontiguousarray(clip.frames[max(0, t - 4 + k)][y1:y2, x1:x2])
                expected = cv2.resize(crop, (32, 32)).reshape(32, 32, channels)
                np.testing.assert_array_equal(frames[cube, k], expected)
            for k in range(4):
                field = flow[max(0, t - flow_shift + k)].astype(np.float32)
                expected = cv2.resize(field[y1:y2, x1:x2], (32, 32))
                np.testing.assert_allclose(motions[cube, k], expected, atol=2e-3)
            cube += 1
    assert cube == 9


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    peaks = []
    for frames in (50, 200):
        folder = tmp_path / str(frames)
        folder.mkdir()
        clip = ArrayClip(np.zeros((frames, 60, 80, 3), np.uint8))
        write_inputs(folder, np.zeros((frames, 60, 80, 2)), [[[4, 4, 20, 30]] * 4] * frames)
        with (
            open_artefact(folder / "flow.h5") as fields,
            open_artefact(folder / "objects.h5") as objects,
        ):
            tracemalloc.start()
            cut_cubes(
                clip,
                fields,
                objects,
                CubesSettings(objects="a", flow="a"),
                CLIP,
                folder / "cubes.h5",
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # 200 frames hold 24 MB of cubes; only offsets and boxes are kept whole.
    assert peaks[1] < peaks[0] + 100_000


def test_a_clip_without_objects_gives_an_empty_artefact(tmp_path: Path) -> None:
    frames, motions = cut(tmp_path, textured(3, 40, 40, 1), random_flow(3, 40, 40), [[], [], []])
    assert len(frames) == len(motions) == 0


def test_flow_of_another_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match=r"flow\.h5: flow of shape \(3, 40, 40, 2\)"):
        cut(tmp_path, textured(4, 40, 40, 1), random_flow(3, 40, 40), [[]] * 4)


@given(
    st.lists(st.floats(-50, 150, width=32), min_size=4, max_size=4),
    st.integers(2, 100),
    st.integers(2, 100),
)
def test_every_box_gives_a_window_inside_the_frame(
    box: list[float], height: int, width: int
) -> None:
    x1, y1, x2, y2 = crop_window(np.array(box, np.float32), height, width)
    assert 0 <= x1 <= x2 - 2 <= width - 2
    assert 0 <= y1 <= y2 - 2 <= height - 2
