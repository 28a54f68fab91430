"""Small copies of the layouts in which Avenue and ShanghaiTech are published."""

import re
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from tests.videos import write_video
from vadbench import datasets
from vadbench.config import load_config
from vadbench.datasets import avenue, read_labels, shanghaitech, ucf_crime
from vadbench.datasets.check import check_clip
from vadbench.datasets.index import build_index, index_labels
from vadbench.datasets.sections import SECTIONS, AvenueSection, ShanghaiTechSection
from vadbench.errors import VadbenchError

TRUTH = "ground_truth_demo/testing_label_mask"
COUNTS = {"training_videos": [12, 9], "testing_videos": [10, 8]}
ABNORMAL = {"1": [2, 3, 4], "2": []}


def masks(count: int, abnormal: list[int]) -> list[np.ndarray]:
    found = [np.zeros((64, 96), np.uint8) for _ in range(count)]
    for t in abnormal:
        found[t][10:20, 30:40] = 1
    return found


def write_volume(path: Path, volume: list[np.ndarray], version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if version == "5":
        cell = np.empty((1, len(volume)), object)
        cell[0] = volume
        savemat(path, {"volLabel": cell})
        return
    # MATLAB 7.3: HDF5 behind a header of 512 bytes, a cell is references to transposed arrays.
    with h5py.File(path, "w", userblock_size=512) as file:
        references = np.empty((len(volume), 1), h5py.ref_dtype)
        for t, mask in enumerate(volume):
            references[t, 0] = file.create_dataset(f"#refs#/{t}", data=mask.T).ref
        file.create_dataset("volLabel", data=references, dtype=h5py.ref_dtype)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write_avenue(root: Path, version: str = "5") -> Path:
    base = root / "Avenue_Dataset"
    for folder, counts in COUNTS.items():
        for number, count in enumerate(counts, 1):
            write_video(base / folder / f"{number:02d}.avi", count, seed=number)
    for number, (name, frames) in enumerate(ABNORMAL.items()):
        volume = masks(COUNTS["testing_videos"][number], frames)
        write_volume(root / TRUTH / f"{name}_label.mat", volume, version)
    return base


def index_of(module: Any, root: Path, **settings: Any) -> dict[str, Any]:
    section = SECTIONS[module.__name__.rpartition(".")[2]].model_validate(settings)
    clips = {
        split: [check_clip(module.open_clip(section, root, split, name), name) for name in names]
        for split, names in module.list_clips(section, root).items()
    }
    labels = read_labels(section, root)
    return build_index("made", section.family, section.fps, clips, labels)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_avenue_as_published(tmp_path: Path, version: str) -> None:
    write_avenue(tmp_path, version)
    index = index_of(avenue, tmp_path)
    assert [clip["n_frames"] for clip in index["clips"]["train"]] == COUNTS["training_videos"]
    labels = index_labels(index)
    assert np.flatnonzero(labels["01"]).tolist() == ABNORMAL["1"]
    assert not labels["02"].any()
    assert len(labels["02"]) == 8
    assert index["labels"]["source"] == "Avenue's pixel masks"


def test_a_mask_too_few_is_named(tmp_path: Path) -> None:
    write_avenue(tmp_path)
    write_volume(tmp_path / TRUTH / "2_label.mat", masks(7, []), "5")
    with pytest.raises(VadbenchError, match=r"2_label\.mat: 7 masks for the 8 frames of clip 02"):
        index_of(avenue, tmp_path)


def test_a_damaged_mask_file_is_named(tmp_path: Path) -> None:
    write_avenue(tmp_path)
    (tmp_path / TRUTH / "1_label.mat").write_bytes(b"MATLAB 5.0 MAT-file, but not really")
    with pytest.raises(VadbenchError, match=r"1_label\.mat: cannot be read as Avenue's masks"):
        read_labels(AvenueSection(), tmp_path)


def test_labels_that_disagree_are_refused(tmp_path: Path) -> None:
    base = write_avenue(tmp_path)
    wrong = np.zeros(18, np.uint8)
    wrong[2:6] = 1
    np.save(base / "avenue.npy", wrong)
    with pytest.raises(VadbenchError, match="disagree: clip 01, frame 5"):
        read_labels(AvenueSection(), tmp_path)
    by_file = read_labels(AvenueSection(labels="avenue.npy"), tmp_path)
    assert by_file.clips["01"].sum() == 4
    assert read_labels(AvenueSection(labels="masks"), tmp_path).clips["01"].sum() == 3


def test_the_nineteen_training_clips_leave_out_what_is_abnormal(tmp_path: Path) -> None:
    folder = tmp_path / "avenue/training/frames"
    for clip, count in (("01", 3), ("02", 1211), ("04", 1511), ("07", 1099)):
        (folder / clip).mkdir(parents=True)
        for t in range(count):
            image = np.full((2, 2), t % 251, np.uint8)
            cv2.imwrite(str(folder / clip / f"{t:04d}.png"), image)
    (tmp_path / "avenue/testing/frames/01").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "avenue/testing/frames/01/0000.png"), np.zeros((2, 2), np.uint8))
    section = AvenueSection(training="avenue19")
    clips = avenue.list_clips(section, tmp_path)["train"]
    assert clips == ["01", "02_0000", "02_0522", "02_0832", "04_0000", "07_0000", "07_0901"]
    lengths = [avenue.open_clip(section, tmp_path, "train", clip).n_frames for clip in clips]
    assert lengths == [3, 311, 249, 379, 1460, 741, 198]
    # From the end of what is left out.
    part = avenue.open_clip(section, tmp_path, "train", "02_0522")
    assert part.frame(0)[0, 0, 0] == 522 % 251
    assert [int(frame[0, 0, 0]) for frame in part][-1] == 770 % 251
    assert set(avenue.raw_paths(section, tmp_path)) >= {f"train/{clip}" for clip in clips}
    short = tmp_path / "avenue/training/frames/07/1098.png"
    short.unlink()
    assert avenue.open_clip(section, tmp_path, "train", "07_0901").n_frames == 197


def write_frames(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for t in range(count):
        noise = np.random.default_rng(t).integers(0, 255, (64, 96, 3), np.uint8)
        cv2.imwrite(str(folder / f"{t:04d}.jpg"), noise)


def test_avenue_as_repacked(tmp_path: Path) -> None:
    base = tmp_path / "avenue"
    for folder, counts in zip(("training", "testing"), COUNTS.values(), strict=True):
        for number, count in enumerate(counts, 1):
            write_frames(base / folder / "frames" / f"{number:02d}", count)
    labels = np.zeros(18, np.uint8)
    labels[2:5] = 1
    np.save(base / "frame_labels_avenue.npy", labels)
    index = index_of(avenue, tmp_path)
    assert [clip["n_frames"] for clip in index["clips"]["test"]] == COUNTS["testing_videos"]
    assert np.flatnonzero(index_labels(index)["01"]).tolist() == ABNORMAL["1"]
    # The official masks beside it have to say the same.
    write_volume(tmp_path / TRUTH / "1_label.mat", masks(10, [2, 3]), "5")
    with pytest.raises(VadbenchError, match="disagree: clip 01, frame 4"):
        index_of(avenue, tmp_path)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_masks_that_are_none_are_refused(tmp_path: Path, version: str) -> None:
    write_avenue(tmp_path, version)
    odd = [*masks(9, []), np.zeros((2, 64, 96), np.uint8)]
    write_volume(tmp_path / TRUTH / "1_label.mat", odd, version)
    with pytest.raises(VadbenchError, match=r"1_label\.mat: frame 9: cannot be read as Avenue's"):
        read_labels(AvenueSection(), tmp_path)


def test_a_cut_mask_file_of_matlab_7_3_is_named(tmp_path: Path) -> None:
    write_avenue(tmp_path, "7.3")
    path = tmp_path / TRUTH / "1_label.mat"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VadbenchError, match=r"1_label\.mat: cannot be read as Avenue's masks"):
        read_labels(AvenueSection(), tmp_path)


def test_shanghaitech_as_repacked(tmp_path: Path) -> None:
    base = write_shanghaitech(tmp_path)
    for path in (base / "training/videos").iterdir():
        path.unlink()
    (base / "training/videos").rmdir()
    for clip, count in (("01_001", 7), ("13_007", 6)):
        write_frames(base / "training/frames" / clip, count)
    index = index_of(shanghaitech, tmp_path)
    assert [clip["clip"] for clip in index["clips"]["train"]] == ["01_001", "13_007"]
    assert [clip["n_frames"] for clip in index["clips"]["train"]] == [7, 6]


@pytest.mark.parametrize("split", ["training", "testing"])
@pytest.mark.parametrize(
    ("family", "first"), [("avenue", 2), ("shanghaitech", 3), ("ucf_crime", 2), ("ucsd", 5)]
)
def test_a_published_clip_whose_first_frames_are_missing_is_refused(
    tmp_path: Path, family: str, split: str, first: int
) -> None:
    section = SECTIONS[family].model_validate({"path": "made"})
    names = {"training": ["01"], "testing": ["02"]}
    if family == "ucf_crime":
        names = {"training": ucf_crime._CLIPS["train"], "testing": ucf_crime._CLIPS["test"]}
    for own, clips in names.items():
        for clip in clips:
            write_frames(tmp_path / "made" / own / "frames" / clip, 8)
    folder = tmp_path / "made" / split / "frames" / names[split][-1]
    opening = (section, tmp_path, "train" if split == "training" else "test", folder.name)
    for number in range(first):
        if number < 2:  # Numbers start at 0 or 1.
            assert datasets.open_clip(*opening).n_frames == 8 - number
        (folder / f"{number:04d}.jpg").unlink()
    message = f"{folder.name}: clip {folder.name}: frame 1 is missing, the first one is {first};"
    with pytest.raises(VadbenchError, match=re.escape(message)):
        datasets.open_clip(*opening)


def write_shanghaitech(root: Path) -> Path:
    base = root / "shanghaitech"
    for clip, count in (("01_001", 7), ("02_001", 6)):
        write_video(base / "training/videos" / f"{clip}.avi", count)
    for clip, count in (("01_0014", 5), ("02_0128", 4)):
        folder = base / "testing/frames" / clip
        folder.mkdir(parents=True)
        for t in range(count):
            noise = np.random.default_rng(t).integers(0, 255, (64, 96, 3), np.uint8)
            cv2.imwrite(str(folder / f"{t:03d}.jpg"), noise)
        vector = (np.arange(count) > 2).astype(np.int8)
        (base / "testing/test_frame_mask").mkdir(exist_ok=True)
        np.save(base / f"testing/test_frame_mask/{clip}.npy", vector)
    return base


def test_shanghaitech_as_published(tmp_path: Path) -> None:
    base = write_shanghaitech(tmp_path)
    index = index_of(shanghaitech, tmp_path)
    assert [clip["clip"] for clip in index["clips"]["train"]] == ["01_001", "02_001"]
    assert index_labels(index)["02_0128"].tolist() == [0, 0, 0, 1]
    np.save(base / "testing/test_frame_mask/02_0128.npy", np.ones(3))
    with pytest.raises(VadbenchError, match=r"02_0128\.npy: expected 4 labels .* found 3"):
        index_of(shanghaitech, tmp_path)


def test_a_clip_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    base = write_shanghaitech(tmp_path)
    write_video(base / "training/videos/01_001.mkv", 3, codec="libx264")
    with pytest.raises(
        VadbenchError, match=r"01_001 is there twice, as 01_001\.avi and 01_001\.mkv"
    ):
        shanghaitech.list_clips(ShanghaiTechSection(), tmp_path)


def test_a_data_set_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    for family in ("avenue", "shanghaitech"):
        config = {
            "datasets": {"mine": {"family": family}},
            "flow": {"farneback": {}},
            "objects": {"motion": {"source": "motion"}},
            "cubes": {"stc": {"objects": "motion", "flow": "farneback"}},
            "methods": {"baselines": {"cubes": "stc"}},
        }
        section = load_config(config).datasets["mine"]
        with pytest.raises(
            VadbenchError, match=r"is not there: looked for folders .*VADBENCH_DATA"
        ):
            datasets.list_clips(section, tmp_path)
