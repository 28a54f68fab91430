from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.clips import ArrayClip, textured
from vadbench.datasets import Labels
from vadbench.datasets.check import check_clip
from vadbench.datasets.images import ImageClip
from vadbench.datasets.index import (
    build_index,
    index_anomalies,
    index_labels,
    load_json,
    write_json,
)
from vadbench.errors import VadbenchError


def records(sizes: dict[str, int], height: int = 24) -> list[dict]:
    return [check_clip(textured(count, height, 32, 1), name) for name, count in sizes.items()]


def labels(lengths: dict[str, int]) -> Labels:
    vectors = {name: np.arange(count) % 3 == 1 for name, count in lengths.items()}
    clips = {name: v.astype(np.uint8) for name, v in vectors.items()}
    cart = {name: v * (np.arange(len(v)) < 4).astype(np.uint8) for name, v in clips.items()}
    return Labels("gt.m", "ab" * 32, clips, anomalies={"cart": cart})


def test_an_index_gives_the_labels_back(tmp_path: Path) -> None:
    given = labels({"01": 7, "02": 5})
    index = build_index(
        "mine",
        "ucsd",
        10.0,
        {"train": records({"01": 4}), "test": records({"01": 7, "02": 5})},
        given,
    )
    write_json(index, tmp_path / "index.json")
    found = index_labels(load_json(tmp_path / "index.json"))
    assert list(found) == ["01", "02"]
    for name, vector in found.items():
        np.testing.assert_array_equal(vector, given.clips[name])
    assert index["labels"]["sha256"] == given.sha256
    (kind,) = index_anomalies(index).items()
    assert kind[0] == "cart"
    for name, vector in kind[1].items():
        np.testing.assert_array_equal(vector, given.anomalies["cart"][name])


def test_the_digest_is_of_pixels() -> None:
    clip = textured(4, 24, 32, 1)
    first = check_clip(clip, "01")["frames_sha256"]
    clip.frames[2, 5, 5] ^= 1
    assert check_clip(clip, "01")["frames_sha256"] != first


def test_an_empty_clip_is_named() -> None:
    with pytest.raises(VadbenchError, match="clip 07: has no frames"):
        check_clip(ArrayClip(np.zeros((0, 4, 4, 1), np.uint8)), "07")


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ({"01": 6}, r"gt\.m: clip 01: 6 labels for 7 frames"),
        ({}, r"gt\.m: no labels for clip 01"),
    ],
)
def test_labels_that_do_not_fit_are_named(lengths: dict[str, int], message: str) -> None:
    with pytest.raises(VadbenchError, match=message):
        build_index(
            "mine", "ucsd", 10.0, {"train": [], "test": records({"01": 7})}, labels(lengths)
        )


def test_clips_of_another_size_are_named() -> None:
    clips = {"train": records({"01": 3}), "test": records({"02": 7}, height=20)}
    with pytest.raises(VadbenchError, match="32 x 24 from clip 01, 32 x 20 from clip 02"):
        build_index("mine", "ucsd", 10.0, clips, labels({"02": 7}))


def test_other_counts_than_the_official_ones_are_a_warning() -> None:
    clips = {"train": records({"01": 3, "02": 4}), "test": records({"01": 7})}
    index = build_index(
        "mine", "ucsd", 10.0, clips, labels({"01": 7}), {"train": [3, 5], "test": [7]}
    )
    assert index["warnings"] == [
        "mine: 2 train clips with 7 frames; the official archive has 2 with 8 "
        "(clip 02: 4 frames, officially 5)"
    ]


def test_a_damaged_index_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(VadbenchError, match="delete it and run again"):
        load_json(tmp_path / "index.json")


def test_grey_and_colour_clips_are_refused_together() -> None:
    mixed = [check_clip(textured(3, 24, 32, c), name) for c, name in ((1, "night"), (3, "day"))]
    clips = {"train": mixed, "test": records({"02": 7})}
    with pytest.raises(VadbenchError, match=r"mine: clip night is grey and clip day in colour; .*"):
        build_index("mine", "folder", 10.0, clips, labels({"02": 7}))


def _at(rates: dict[str, float | None]) -> dict[str, list[dict]]:
    train = [record | {"fps": rates[record["clip"]]} for record in records(dict.fromkeys(rates, 3))]
    return {"train": train, "test": records({"02": 7})}


def test_a_frame_rate_is_that_of_the_videos_unless_it_is_given() -> None:
    truth = labels({"02": 7})
    videos = _at({"a": 29.97, "b": 30.0})
    index = build_index("mine", "folder", None, videos, truth)
    assert (index["fps"], index["warnings"]) == (29.97, [])
    index = build_index("mine", "folder", 10.0, videos, truth)
    assert index["fps"] == 10
    assert "clip a says 29.97 frames per second" in index["warnings"][0]
    with pytest.raises(VadbenchError, match="clip a has 25 frames per second, clip b 30; give"):
        build_index("mine", "folder", None, _at({"a": 25.0, "b": 30.0}), truth)
    index = build_index("mine", "folder", None, _at({"a": None}), truth)
    assert index["fps"] == 25
    assert "25 were taken (fps)" in index["warnings"][0]


@pytest.mark.parametrize(
    ("share", "ending"), [(0.5, "jpg"), (0.9, "jpg"), (0.99, "jpg"), (0.5, "png")]
)
def test_a_jpeg_that_is_cut_off_is_no_grey_picture(
    tmp_path: Path, share: float, ending: str
) -> None:
    frames = textured(3, 48, 64, 3)
    for t, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"{t:03d}.jpg"), frame)
    assert check_clip(ImageClip(tmp_path), "clip")["n_frames"] == 3
    content = (tmp_path / "001.jpg").read_bytes()
    cut = (tmp_path / "001.jpg").rename(tmp_path / f"001.{ending}")
    cut.write_bytes(content[: int(share * len(content))])
    assert cv2.imread(str(cut)) is not None
    with pytest.raises(VadbenchError, match=rf"{cut.name}: clip .*, frame 1: cannot be decoded"):
        check_clip(ImageClip(tmp_path), "clip")
