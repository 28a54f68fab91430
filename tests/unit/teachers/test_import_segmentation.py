"""Segmentation that others computed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

from tests.clips import textured
from vadbench.artefacts import Identity, open_artefact
from vadbench.errors import VadbenchError
from vadbench.teachers.segmentation.importing import segment_import
from vadbench.teachers.segmentation.masks import unpack_mask
from vadbench.teachers.segmentation.settings import SegmentationSettings

SIZE = (24, 32)
LENGTHS = {"01": 2, "02": 3}
OWNER = Identity("made", "test", "02")
SETTINGS = SegmentationSettings(backend="import", import_path={"test": "there"})


def disc(y: int, x: int, radius: int) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


PERSON, BICYCLE = disc(10, 10, 5), disc(12, 14, 6)
"""The bicycle hides part of the person in frame 1 of clip 02; frame 2 has nothing."""


def result(image: Any, mask: np.ndarray, category: int, score: float) -> dict[str, Any]:
    coded = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": {"size": list(SIZE), "counts": coded["counts"].decode()},
        "bbox": [float(value) for value in box],
        "score": score,
    }


def read(source: Path, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "s.h5"
    segment_import(textured(3, *SIZE, 1), source, LENGTHS, SETTINGS, OWNER, path)
    with open_artefact(path, "segmentation") as made:
        names = ("frame_offsets", "boxes", "classes", "scores", "class_map")
        found = {name: made[name][:] for name in names}
        ends = made["mask_offsets"][:]
        found["masks"] = [
            unpack_mask(made["mask_bits"][start:end], box, *SIZE)
            for start, end, box in zip(ends[:-1], ends[1:], found["boxes"], strict=True)
        ]
    return found


@pytest.mark.parametrize("form", ["numbers", "names", "per_clip", "uncompressed"])
def test_coco_results(tmp_path: Path, form: str) -> None:
    source = tmp_path / "results.json"
    images: dict[str, list[Any]] = {
        "numbers": [1, 2, 3],
        "names": ["01/1", "02/0", "02/1"],
        "per_clip": [None, 0, 1],
        "uncompressed": ["01/1", "02/0", "02/1"],
    }
    other, zero, one = images[form]
    results = [
        result(one, BICYCLE, 2, 0.9),
        result(other, BICYCLE, 3, 0.4),
        result(zero, PERSON, 1, 0.7),
        result(one, PERSON, 1, 0.8),
    ]
    if form == "per_clip":
        source = tmp_path / "folder"
        source.mkdir()
        del results[1]
    elif form == "uncompressed":
        flat = BICYCLE.flatten(order="F")
        changes = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), flat.size]
        results[0]["segmentation"]["counts"] = np.diff(changes).tolist()
        del results[0]["bbox"]
    file = source / "02.json" if form == "per_clip" else source
    file.write_text(json.dumps(results))
    found = read(source, tmp_path)
    assert found["frame_offsets"].tolist() == [0, 1, 3, 3]
    assert found["classes"].tolist() == [1, 1, 2]
    np.testing.assert_allclose(found["scores"], [0.7, 0.8, 0.9], rtol=1e-6)
    for mask, expected in zip(found["masks"], (PERSON, PERSON, BICYCLE), strict=True):
        np.testing.assert_array_equal(mask, expected)
    assert found["boxes"].tolist()[2] == [8.0, 6.0, 21.0, 19.0]
    # The surer bicycle lies in front.
    np.testing.assert_array_equal(found["class_map"][1], np.where(BICYCLE, 2, PERSON))


def test_a_mask_that_leaves_its_box_is_kept_whole(tmp_path: Path) -> None:
    small = result("02/0", PERSON, 1, 0.5)
    small["bbox"] = [9.0, 9.0, 2.0, 2.0]
    (tmp_path / "r.json").write_text(json.dumps([small]))
    found = read(tmp_path / "r.json", tmp_path)
    np.testing.assert_array_equal(found["masks"][0], PERSON)


@pytest.mark.parametrize("bits", [8, 16])
def test_label_pictures(tmp_path: Path, bits: int) -> None:
    folder = tmp_path / "labels" / "02"
    folder.mkdir(parents=True)
    apart = disc(5, 26, 3)
    for t, labels in enumerate((PERSON * 1, np.where(apart, 1, PERSON * 1), PERSON * 0)):
        if bits == 16:
            # Touching instances stay apart: both halves of the person are objects of their own.
            labels = np.where(labels > 0, 1000 * labels + (np.arange(SIZE[1]) > 10), 0)
        kind = np.uint8 if bits == 8 else np.uint16
        Image.fromarray(labels.astype(kind)).save(folder / f"{t:03d}.png")
    found = read(tmp_path / "labels", tmp_path)
    assert found["frame_offsets"].tolist() == ([0, 1, 3, 3] if bits == 8 else [0, 2, 4, 4])
    assert set(found["classes"]) == {1}
    np.testing.assert_array_equal(found["class_map"][0], PERSON)
    np.testing.assert_array_equal(np.any(found["masks"][-2:], axis=0), PERSON | apart)


def broken(tmp_path: Path, fault: str) -> Path:
    good = result("02/1", PERSON, 1, 0.5)
    change: dict[str, dict[str, Any]] = {
        "frame": {"image_id": "02/3"},
        "number": {"image_id": 5},
        "size": {"segmentation": good["segmentation"] | {"size": [32, 24]}},
        "counts": {"segmentation": good["segmentation"] | {"counts": "zzzzzzzz0"}},
        "polygon": {"segmentation": [[0, 0, 5, 5, 0, 5]]},
        "category": {"category_id": 91},
        "score": {"score": 7},
        "box": {"bbox": [0, 0, float("nan"), 3]},
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps([good | change[fault]]))
    return path


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("frame", "result 0: no frame '02/3' in the split"),
        ("number", "result 0: image_id 5, but the clips have 5 frames"),
        ("size", r"result 0: a mask of \[32, 24\]"),
        ("counts", "result 0: not readable as an instance in RLE"),
        ("polygon", "result 0: not readable as an instance in RLE"),
        ("category", "result 0: category 91"),
        ("score", "result 0: category 1, score 7"),
        ("box", "result 0: category 1, score 0.5, box"),
    ],
)
def test_broken_results_are_refused(tmp_path: Path, fault: str, message: str) -> None:
    with pytest.raises(VadbenchError, match=message):
        read(broken(tmp_path, fault), tmp_path)
    assert not (tmp_path / "s.h5").exists()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", "2 label pictures, but the clip has 3 frames"),
        ("size", r"002.png: a picture of \(32, 24\)"),
        ("colour", "002.png: uint8 of shape"),
        ("label", "002.png: label 200 is no COCO category"),
        ("damaged", "002.png: not readable as a picture"),
        ("nothing", "neither 02.json nor a folder 02 is there"),
    ],
)
def test_broken_pictures_are_refused(tmp_path: Path, fault: str, message: str) -> None:
    folder = tmp_path / "labels" / ("03" if fault == "nothing" else "02")
    folder.mkdir(parents=True)
    for t in range(3):
        Image.fromarray(PERSON.astype(np.uint8)).save(folder / f"{t:03d}.png")
    last = folder / "002.png"
    if fault == "missing":
        last.unlink()
    elif fault == "size":
        Image.fromarray(PERSON.astype(np.uint8).T.copy()).save(last)
    elif fault == "colour":
        Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(last)
    elif fault == "label":
        Image.fromarray(np.full(SIZE, 200, np.uint8)).save(last)
    elif fault == "damaged":
        last.write_bytes(last.read_bytes()[:40])
    with pytest.raises(VadbenchError, match=message):
        read(tmp_path / "labels", tmp_path)


def test_a_clip_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there/02").mkdir(parents=True)
    (tmp_path / "there/02.json").write_text("[]")
    with pytest.raises(VadbenchError, match=r"clip 02 is there twice, as 02\.json and as a folder"):
        read(tmp_path / "there", tmp_path)
