"""Videos of one's own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.videos import write_video
from vadbench.datasets import folder
from vadbench.datasets.index import build_index, check_clip
from vadbench.datasets.labels import read_label_file
from vadbench.datasets.sections import FolderSection as Section
from vadbench.errors import VadbenchError

LENGTHS = {"monday": 12, "tuesday": 9}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A video and a folder of images to test, a video to learn from."""
    write_video(tmp_path / "gate/train/sunday.mp4", 10, codec="libx264")
    write_video(tmp_path / "gate/test/monday.avi", LENGTHS["monday"])
    images = tmp_path / "gate/test/tuesday"
    images.mkdir()
    for t in range(LENGTHS["tuesday"]):
        noise = np.random.default_rng(t).integers(0, 255, (64, 96, 3), np.uint8)
        cv2.imwrite(str(images / f"{t:04d}.png"), noise)
    (tmp_path / "gate/test/notes.txt").write_text("not a clip")
    return tmp_path


def test_videos_and_folders_of_images_are_clips(root: Path) -> None:
    section = Section(path="gate")
    clips = folder.list_clips(section, root)
    assert clips == {"train": ["sunday"], "test": ["monday", "tuesday"]}
    records = {
        split: [check_clip(folder.open_clip(section, root, split, name), name) for name in names]
        for split, names in clips.items()
    }
    labels = folder.read_labels(section, root)
    index = build_index("gate", "folder", 25.0, records, labels)
    assert index["labels"]["known"] is False
    assert {clip["clip"]: clip["n_frames"] for clip in index["clips"]["test"]} == LENGTHS


def test_labels_are_intervals_in_a_table(root: Path) -> None:
    (root / "gate/labels.csv").write_text("clip,first,last\nmonday,2,4\nmonday,8,8\n")
    labels = folder.read_labels(Section(path="gate", labels="labels.csv"), root)
    assert labels.known
    assert len(labels.sha256) == 64
    assert np.flatnonzero(labels.clips["monday"]).tolist() == [2, 3, 4, 8]
    assert not labels.clips["tuesday"].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,first,last\nfriday,2,4\n", "line 2: there is no test clip 'friday'"),
        ("clip,first,last\nmonday,2,14\n", "abnormal frames 2 to 14 .* has 12 frames"),
        ("monday,2,4\n", "the first line has to be: clip,first,last"),
        ("clip,first,last\nmonday,two,4\n", "cannot be read as labels"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(VadbenchError, match=message):
        read_label_file(path, LENGTHS)


def test_videos_are_resized_on_the_way(root: Path) -> None:
    clip = folder.open_clip(Section(path="gate", size=(48, 32)), root, "test", "monday")
    assert clip.frame(3).shape == (32, 48, 3)


def test_a_missing_label_file_is_named(root: Path) -> None:
    with pytest.raises(VadbenchError, match=r"truth\.csv: no such label file"):
        folder.read_labels(Section(path="gate", labels="truth.csv"), root)
