"""Videos of one's own."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.videos import write_video
from vadbench.datasets import folder, raw_state, read_labels
from vadbench.datasets.check import check_clip
from vadbench.datasets.images import ImageClip
from vadbench.datasets.index import build_index
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
    labels = read_labels(section, root)
    index = build_index("gate", "folder", 25.0, records, labels)
    assert index["labels"]["known"] is False
    assert {clip["clip"]: clip["n_frames"] for clip in index["clips"]["test"]} == LENGTHS


def test_labels_are_intervals_in_a_table(root: Path) -> None:
    (root / "gate/labels.csv").write_text("clip,first,last\nmonday,2,4\nmonday,8,8\n")
    labels = read_labels(Section(path="gate", labels="labels.csv"), root)
    assert labels.known
    assert len(labels.sha256) == 64
    assert np.flatnonzero(labels.clips["monday"]).tolist() == [2, 3, 4, 8]
    assert not labels.clips["tuesday"].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,first,last\nfriday,2,4\n", "line 2: there is no test clip 'friday'"),
        ("clip,first,last\nmonday,2,14\n", "abnormal frames 2 to 14 .* has 12 frames"),
        ("monday,2,4\n", "expected .* clip,frame,label or clip,first,last"),
        ("clip,first,last\nmonday,two,4\n", "cannot be read as labels"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(VadbenchError, match=message):
        read_label_file(path, LENGTHS)


def test_a_table_of_intervals_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    path = tmp_path / "LABELS.CSV"
    path.write_text("\ufeffClip, First, Last\nmonday , 2, 4\n\n", encoding="utf-8")
    assert np.flatnonzero(read_label_file(path, LENGTHS)["monday"]).tolist() == [2, 3, 4]


def test_videos_are_resized_on_the_way(root: Path) -> None:
    clip = folder.open_clip(Section(path="gate", size=(48, 32)), root, "test", "monday")
    assert clip.frame(3).shape == (32, 48, 3)


def test_a_clip_may_be_cut_out_of_a_longer_recording(root: Path) -> None:
    images = root / "gate/test/tuesday"
    for t in reversed(range(LENGTHS["tuesday"])):
        (images / f"{t:04d}.png").rename(images / f"{t + 100:04d}.png")
    (root / "gate/labels.csv").write_text("clip,first,last\ntuesday,0,1\n")
    section = Section(path="gate", labels="labels.csv")
    assert folder.open_clip(section, root, "test", "tuesday").n_frames == LENGTHS["tuesday"]
    # Labels count from the clip's first image, whatever its number.
    assert np.flatnonzero(read_labels(section, root).clips["tuesday"]).tolist() == [0, 1]
    (images / "0104.png").unlink()
    with pytest.raises(VadbenchError, match="frame 104 is missing from the sequence 100 to 108"):
        folder.open_clip(section, root, "test", "tuesday")


def write_masks(root: Path) -> Path:
    """Masks of one clip as images, of the other as an array."""
    folder = root / "gate/truth"
    (folder / "monday").mkdir(parents=True)
    for t in range(LENGTHS["monday"]):
        cv2.imwrite(str(folder / f"monday/{t + 1:03d}.png"), np.full((64, 96), 255 * (t > 9)))
    masks = np.zeros((LENGTHS["tuesday"], 64, 96), bool)
    masks[3:5, 7, 9] = True
    np.save(folder / "tuesday.npy", masks)
    return folder


def test_labels_are_masks(root: Path) -> None:
    section = Section(path="gate", labels="truth")
    write_masks(root)
    labels = read_labels(section, root)
    assert np.flatnonzero(labels.clips["monday"]).tolist() == [10, 11]
    assert np.flatnonzero(labels.clips["tuesday"]).tolist() == [3, 4]
    assert (labels.source, len(labels.sha256)) == ("gate/truth", 64)
    before = raw_state(section, root)
    np.save(root / "gate/truth/tuesday.npy", np.zeros(LENGTHS["tuesday"], np.uint8))
    after = raw_state(section, root)
    assert {key for key in before if before[key] != after[key]} == {"labels"}
    changed = read_labels(section, root)
    assert not changed.clips["tuesday"].any()
    assert changed.sha256 != labels.sha256


def test_a_mask_of_whatever_depth_counts(root: Path) -> None:
    masks = write_masks(root) / "monday"
    deep = np.zeros((64, 96), np.uint16)
    deep[7, 9] = 3  # Of an instance; its high byte is 0.
    cv2.imwrite(str(masks / "001.png"), deep)
    blue = np.zeros((64, 96, 3), np.uint8)
    blue[7, 9, 0] = 1  # No grey at all.
    cv2.imwrite(str(masks / "002.png"), blue)
    labels = read_labels(Section(path="gate", labels="truth"), root)
    assert np.flatnonzero(labels.clips["monday"]).tolist() == [0, 1, 10, 11]
    clear = np.zeros((64, 96, 4), np.uint8)
    clear[7, 9, 3] = 255
    cv2.imwrite(str(masks / "003.png"), clear)
    with pytest.raises(VadbenchError, match=r"003\.png: .* only its transparency differs"):
        read_labels(Section(path="gate", labels="truth"), root)


def test_a_frame_of_more_than_8_bits_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 8), 200, np.uint16))
    with pytest.raises(VadbenchError, match=r"1\.png: .*frame 0: has values of 16 bits"):
        check_clip(ImageClip(tmp_path), "c")


def test_a_frame_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(VadbenchError, match=r"1\.png: .*frame 0: is no file"):
        check_clip(ImageClip(tmp_path), "c")


def _mask_too_few(truth: Path) -> None:
    (truth / "monday/012.png").unlink()


def _mask_missing(truth: Path) -> None:
    (truth / "monday/005.png").unlink()


def _mask_damaged(truth: Path) -> None:
    (truth / "monday/005.png").write_bytes(b"no image")


def _clip_without_masks(truth: Path) -> None:
    (truth / "tuesday.npy").unlink()


def _masks_of_no_clip(truth: Path) -> None:
    np.save(truth / "friday.npy", np.zeros((3, 4, 4), np.uint8))


def _masks_twice(truth: Path) -> None:
    np.save(truth / "monday.npy", np.zeros((12, 4, 4), np.uint8))


def _masks_of_fractions(truth: Path) -> None:
    np.save(truth / "tuesday.npy", np.zeros((9, 4, 4)))


def _labels_of_another_kind(truth: Path) -> None:
    np.save(truth / "tuesday.npy", np.array([-1] * 4 + [1] * 5))


def _masks_that_run_code(truth: Path) -> None:
    np.save(truth / "tuesday.npy", np.array([print], object), allow_pickle=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_mask_too_few, r"truth/monday: 11 masks for the 12 frames of clip monday"),
        (_mask_missing, r"truth/monday: frame 5 is missing from the sequence 1 to 12"),
        (_mask_damaged, r"005\.png: mask of clip monday, frame 4: cannot be decoded"),
        (_clip_without_masks, r"no frame labels for clip tuesday; expected masks of every test"),
        (_masks_of_no_clip, r"friday\.npy: masks of a clip that is not in .*test"),
        (_masks_twice, r"truth: masks of clip monday are there twice"),
        (_masks_of_fractions, r"tuesday\.npy: clip tuesday: 3 axes of float64; expected masks"),
        (
            _labels_of_another_kind,
            r"clip tuesday, frame 0: label -1, expected 0 or 1",
        ),
        (_masks_that_run_code, r"tuesday\.npy: refused, it names builtins\.print"),
    ],
)
def test_masks_that_do_not_fit_are_named(
    root: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(write_masks(root))
    with pytest.raises(VadbenchError, match=message):
        read_labels(Section(path="gate", labels="truth"), root)


def test_a_missing_label_file_is_named(root: Path) -> None:
    with pytest.raises(VadbenchError, match=r"truth\.csv: no such label file"):
        read_labels(Section(path="gate", labels="truth.csv"), root)


def test_a_whole_path_is_taken_from_anywhere(root: Path) -> None:
    (root / "gate/labels.csv").write_text("clip,first,last\nmonday,2,4\n")
    section = Section(path=str(root / "gate"), labels="labels.csv")
    labels = read_labels(section, root / "data")
    assert labels.source == str(root / "gate/labels.csv")
