"""Pixel masks of every data set that has them, through one interface."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.datasets.test_folder import LENGTHS
from tests.unit.datasets.test_published_layouts import (
    TRUTH,
    write_avenue,
    write_shanghaitech,
    write_volume,
)
from tests.videos import write_video
from vadbench.config import load_config
from vadbench.datasets import raw_state
from vadbench.datasets.masks import Mask, open_masks
from vadbench.datasets.sections import ShanghaiTechSection
from vadbench.errors import VadbenchError
from vadbench.plan import Plan

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path))
    return tmp_path


def opened(clip: str, **source: object) -> Mask | None:
    return open_masks({"path": None, "colour": "auto", **source}, "made", clip)


def square(count: int, first: int, dtype: type = np.uint8) -> np.ndarray:
    """Masks of a clip: a square, not symmetric, from frame `first` on."""
    masks = np.zeros((count, *SIZE), dtype)
    masks[first:, 10:20, 30:50] = 1
    return masks


def check(mask: Mask | None, expected: np.ndarray) -> None:
    assert mask is not None
    for t in (len(expected) - 1, 0, 2):
        found = mask(t)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected[t] > 0)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_avenue(data: Path, version: str) -> None:
    write_avenue(data, version)
    write_volume(data / TRUTH / "1_label.mat", list(square(10, 4)), version)
    check(opened("01", family="avenue", training="official"), square(10, 4))
    (data / TRUTH / "2_label.mat").unlink()
    assert opened("02", family="avenue", training="official") is None


def test_shanghaitech(data: Path) -> None:
    base = write_shanghaitech(data)
    source = {"family": "shanghaitech"}
    assert opened("01_0014", **source) is None
    section = ShanghaiTechSection(**source)
    before = raw_state(section, data)
    (base / "testing/test_pixel_mask").mkdir()
    np.save(base / "testing/test_pixel_mask/01_0014.npy", square(5, 3, np.bool_))
    check(opened("01_0014", **source), square(5, 3))
    # What is found in masks is stale when they change.
    after = raw_state(section, data)
    assert [key for key in after if after[key] != before[key]] == ["labels"]


@pytest.mark.parametrize("kind", ["png", "npy"])
def test_your_own(data: Path, kind: str) -> None:
    write_video(data / "gate/train/sunday.mp4", 5, codec="libx264")
    write_video(data / "gate/test/monday.avi", LENGTHS["monday"])
    expected = square(LENGTHS["monday"], 7)
    if kind == "png":
        (data / "gate/truth/monday").mkdir(parents=True)
        for t, mask in enumerate(expected):
            cv2.imwrite(str(data / f"gate/truth/monday/{t:03d}.png"), 255 * mask)
    else:
        (data / "gate/truth").mkdir()
        np.save(data / "gate/truth/monday.npy", expected)
    source = {"family": "folder", "path": "gate", "size": None}
    check(opened("monday", labels="truth", **source), expected)
    assert opened("monday", labels=None, **source) is None
    assert opened("tuesday", labels="truth", **source) is None
    # Frames that are resized as they are decoded have masks of their size.
    half = opened("monday", labels="truth", family="folder", path="gate", size=[48, 32])
    assert half is not None
    np.testing.assert_array_equal(np.argwhere(half(8)).min(axis=0), [5, 15])
    assert half(8).shape == (32, 48)
    assert half(8).sum() == 50


def test_pictures_are_told_where_masks_are() -> None:
    config = load_config(
        {
            "datasets": {"gate": {"family": "folder", "path": "gate", "labels": "truth"}},
            "flow": {"farneback": {}},
            "objects": {"motion": {"source": "motion"}},
            "cubes": {"stc": {"objects": "motion", "flow": "farneback"}},
            "methods": {"baselines": {"cubes": "stc"}},
        }
    )
    job = Plan(config).panels_params("gate")
    own = {"family": "folder", "colour": "auto", "path": "gate", "size": None, "labels": "truth"}
    assert job["masks"] == own
    # Labels are no part of what frames are made from.
    assert "labels" not in job["source"]


def _too_few(base: Path) -> None:
    np.save(base / "testing/test_pixel_mask/01_0014.npy", square(4, 3))


def _cut(base: Path) -> None:
    path = base / "testing/test_pixel_mask/01_0014.npy"
    path.write_bytes(path.read_bytes()[:-1000])


def _pickle(base: Path) -> None:
    values = np.array([open, print], object)
    np.save(base / "testing/test_pixel_mask/01_0014.npy", values, allow_pickle=True)


def _other_shape(base: Path) -> None:
    np.save(base / "testing/test_pixel_mask/01_0014.npy", np.zeros((5, 64, 64), np.uint8))


def _one_axis_more(base: Path) -> None:
    np.save(base / "testing/test_pixel_mask/01_0014.npy", np.zeros((5, 64, 96, 3), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_too_few, r"01_0014\.npy: 4 masks for the 5 frames of clip 01_0014"),
        (_cut, r"01_0014\.npy: cannot be read as masks"),
        (_pickle, r"01_0014\.npy: cannot be read as masks"),
        (_other_shape, r"clip 01_0014, frame 4: the mask is 64 x 64, .*frame of 96 x 64"),
        (_one_axis_more, r"holds 4 axes of uint8; expected masks \(T, H, W\)"),
    ],
)
def test_masks_that_are_damaged_or_do_not_fit_are_named(
    data: Path, spoil: Callable[[Path], None], message: str
) -> None:
    base = write_shanghaitech(data)
    (base / "testing/test_pixel_mask").mkdir()
    np.save(base / "testing/test_pixel_mask/01_0014.npy", square(5, 3))
    spoil(base)
    with pytest.raises(VadbenchError, match=message):
        mask = opened("01_0014", family="shanghaitech")
        assert mask is not None
        mask(4)
