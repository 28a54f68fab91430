from pathlib import Path

import cv2
import numpy as np
import pytest

from vadbench.artefacts import open_artefact
from vadbench.datasets.regions import find_regions
from vadbench.datasets.walkway import WalkwaySettings, render_clip
from vadbench.errors import VadbenchError
from vadbench.regions import Regions

SIZE = (40, 60)
UCSD = {"family": "ucsd", "subset": "ped2", "path": None, "colour": "auto", "labels": "auto"}


@pytest.fixture
def ucsd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two test clips of five frames; the second has no masks."""
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path))
    base = tmp_path / "UCSDped2"
    for folder in ("Train/Train001", "Test/Test001", "Test/Test002"):
        (base / folder).mkdir(parents=True)
        for t in range(1, 6):
            cv2.imwrite(str(base / folder / f"{t:03d}.tif"), np.zeros(SIZE, np.uint8))
    masks = np.zeros((5, *SIZE), np.uint8)
    for t in range(1, 4):
        masks[t, 10:20, 5 + 2 * t : 15 + 2 * t] = 255  # walks to the right
        masks[t, 25:35, 40 - 2 * t : 50 - 2 * t] = 255  # and another to the left
    masks[4, 0:4, 0:4] = 255  # appears where nobody was
    (base / "Test/Test001_gt").mkdir()
    for t, mask in enumerate(masks, 1):
        cv2.imwrite(str(base / f"Test/Test001_gt/{t:03d}.bmp"), mask)
    return base


def records(*clips: str) -> list[dict[str, object]]:
    return [{"clip": clip, "n_frames": 5, "height": 40, "width": 60} for clip in clips]


def test_regions_of_masks_are_linked_to_tracks(ucsd: Path, tmp_path: Path) -> None:
    find_regions(UCSD, "ped2", records("Test001", "Test002")).save(tmp_path / "r.h5", "ped2")
    found = Regions.load(tmp_path / "r.h5")
    assert found.known.tolist() == [True, False]
    assert np.diff(found.frame_offsets).tolist() == [0, 2, 2, 2, 1, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(found.boxes[0], [7, 10, 17, 20])
    assert found.tracks.tolist() == [0, 1, 0, 1, 0, 1, 2]
    assert found.sizes.tolist() == [[40, 60], [40, 60]]


def test_a_missing_mask_is_named(ucsd: Path) -> None:
    (ucsd / "Test/Test001_gt/003.bmp").unlink()
    with pytest.raises(VadbenchError, match="Test001"):
        find_regions(UCSD, "ped2", records("Test001"))


def test_a_rendered_scene_lists_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("results/made/scene/test/test01.h5")
    settings = WalkwaySettings(frames=24, height=96, width=144)
    render_clip(settings, "made", "test", "test01", path)
    with open_artefact(path, "scene") as scene:
        labels, chosen = scene["labels"][:], scene["abnormal"][:] > 0
        boxes, tracks = scene["boxes"][:][chosen], scene["track_ids"][:][chosen]
    record = {"clip": "test01", "n_frames": 24, "height": 96, "width": 144}
    found = find_regions({"family": "walkway"}, "made", [record])
    np.testing.assert_array_equal(np.diff(found.frame_offsets) > 0, labels > 0)
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.tracks, tracks)
    assert found.known.tolist() == [True]
