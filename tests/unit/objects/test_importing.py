import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from vadbench.arrays import load_array
from vadbench.errors import VadbenchError
from vadbench.objects.importing import read_boxes

LENGTHS = {"01": 2, "02": 3}
BOXES = [[[1, 2, 9, 12]], [], [[0, 0, 4, 4], [5, 5, 9, 9]], [[3, 3, 8, 8]], []]


def save(path: Path, frames: list) -> Path:
    cell = np.empty(len(frames), object)
    cell[:] = [np.array(item, np.float64).reshape(-1, 4) for item in frames]
    np.save(path, cell, allow_pickle=True)
    return path


def check(found: dict[str, list[np.ndarray]]) -> None:
    flat = [boxes for clip in found.values() for boxes in clip]
    assert [len(found[clip]) for clip in LENGTHS] == [2, 3]
    for boxes, expected in zip(flat, BOXES, strict=True):
        np.testing.assert_array_equal(boxes, np.array(expected, np.float32).reshape(-1, 4))


def test_vec_files(tmp_path: Path) -> None:
    check(read_boxes(save(tmp_path / "boxes.npy", BOXES), LENGTHS))


def test_csv_folder(tmp_path: Path) -> None:
    start = 0
    for clip, count in LENGTHS.items():
        lines = ["frame,x1,y1,x2,y2,score"]
        for t in range(count):
            lines += [",".join(map(str, [t, *box, 0.9])) for box in BOXES[start + t]]
        (tmp_path / f"{clip}.csv").write_text("\n".join(lines))
        start += count
    check(read_boxes(tmp_path, LENGTHS))


@pytest.mark.parametrize("named", [True, False])
def test_coco_results(tmp_path: Path, named: bool) -> None:
    names = [f"{clip}/{t}" for clip, count in LENGTHS.items() for t in range(count)]
    results = [
        {
            "image_id": names[place] if named else place,
            "category_id": 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": 0.9,
        }
        for place, boxes in enumerate(BOXES)
        for x1, y1, x2, y2 in boxes
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    check(read_boxes(tmp_path / "results.json", LENGTHS))


def test_another_number_of_frames_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "boxes.npy", BOXES[:4])
    with pytest.raises(VadbenchError, match="boxes of 4 frames, but the 2 clips have 5"):
        read_boxes(path, LENGTHS)


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path) -> None:
    cell = np.empty(1, object)
    cell[0] = _Evil(tmp_path / "owned")
    np.save(tmp_path / "boxes.npy", cell, allow_pickle=True)
    with pytest.raises(VadbenchError, match=r"refused, it names \w+\.mkdir"):
        load_array(tmp_path / "boxes.npy")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("keep", [0, 5, 40, 90, 130, 250])
def test_a_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    path = save(tmp_path / "boxes.npy", BOXES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(VadbenchError, match=r"boxes\.npy"):
        load_array(path)


def test_a_bare_pickle_is_no_array(tmp_path: Path) -> None:
    (tmp_path / "boxes.npy").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(VadbenchError, match=r"not a whole \.npy file"):
        load_array(tmp_path / "boxes.npy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,x1,y1,x2\n0,1,2,3", "columns frame, x1, y1, x2, y2"),
        ("frame,x1,y1,x2,y2\n7,1,2,3,4", "line 2: frame 7, but the clip has 2"),
        ("frame,x1,y1,x2,y2\n0,1,2,3,four", "not readable as CSV"),
    ],
)
def test_broken_csv(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "01.csv").write_text(text)
    with pytest.raises(VadbenchError, match=message):
        read_boxes(tmp_path, LENGTHS)


def test_vec_counts_on_ped2(ped2_root: Path) -> None:
    for split, frames, boxes in (("train", 2550, 31089), ("test", 2010, 34715)):
        path = ped2_root / f"ped2_boxes/bboxes_{split}_obj_det_with_motion.npy"
        found = read_boxes(path, {"all": frames})["all"]
        assert sum(len(item) for item in found) == boxes
        assert min(len(item) for item in found) > 0
