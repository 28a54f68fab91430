import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from vadbench import datasets
from vadbench.datasets import raw_state, read_labels, ucsd
from vadbench.datasets.check import check_clip
from vadbench.datasets.index import build_index, index_labels
from vadbench.datasets.labels import read_label_file
from vadbench.datasets.sections import UCSDSection
from vadbench.errors import VadbenchError

LENGTHS = {"train": [6, 7], "test": [8, 9]}
SPANS = [[(2, 4)], [(0, 1), (6, 8)]]


def vectors() -> list[np.ndarray]:
    result = []
    for count, spans in zip(LENGTHS["test"], SPANS, strict=True):
        vector = np.zeros(count, np.uint8)
        for start, end in spans:
            vector[start : end + 1] = 1
        result.append(vector)
    return result


def write_frames(folder: Path, count: int, extension: str, start: int, size=(24, 32)) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(str(folder)))
    for t in range(count):
        image = rng.integers(0, 255, size, dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{t + start:03d}{extension}"), image)


def official(root: Path, extension: str = ".tif", mask: str = ".bmp", script: bool = True) -> Path:
    base = root / "UCSDped2"
    for split, counts in LENGTHS.items():
        for number, count in enumerate(counts, 1):
            name = split.capitalize()
            write_frames(base / name / f"{name}{number:03d}", count, extension, 1)
    if mask:
        for number, vector in enumerate(vectors(), 1):
            folder = base / f"Test/Test{number:03d}_gt"
            folder.mkdir()
            for t, label in enumerate(vector, 1):
                image = np.zeros((24, 32), np.uint8)
                image[3:6, 4:8] = 255 * label
                cv2.imwrite(str(folder / f"{t:03d}{mask}"), image)
    if script:
        lines = ["TestVideoFile = {};"]
        for spans in SPANS:
            ranges = ", ".join(f"{a + 1}:{b + 1}" for a, b in spans)
            lines.append(f"TestVideoFile{{end+1}}.gt_frame = [{ranges}];  % a comment")
        (base / "Test/UCSDped2.m").write_text("\n".join(lines))
    return base


def repacked(root: Path) -> Path:
    base = root / "ped2"
    for split, folder in (("train", "training"), ("test", "testing")):
        for number, count in enumerate(LENGTHS[split], 1):
            write_frames(base / folder / "frames" / f"{number:02d}", count, ".jpg", 0)
    return base


def labels_of(root: Path, **settings: str) -> datasets.Labels:
    return read_labels(UCSDSection.model_validate(settings), root)


def index_of(root: Path, **settings: str) -> dict:
    section = UCSDSection.model_validate(settings)
    clips = {
        split: [check_clip(ucsd.open_clip(section, root, split, name), name) for name in names]
        for split, names in ucsd.list_clips(section, root).items()
    }
    labels = read_labels(section, root)
    return build_index("ped2", "ucsd", 10.0, clips, labels, section.official_counts())


@pytest.mark.parametrize("extension", [".tif", ".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("mask", [".bmp", ".png"])
def test_official_layout(tmp_path: Path, extension: str, mask: str) -> None:
    official(tmp_path, extension, mask)
    index = index_of(tmp_path)
    found = {s: [record["n_frames"] for record in index["clips"][s]] for s in LENGTHS}
    assert found == LENGTHS
    for vector, expected in zip(index_labels(index).values(), vectors(), strict=True):
        np.testing.assert_array_equal(vector, expected)
    record = index["clips"]["train"][0]
    assert (record["clip"], record["height"], record["width"]) == ("Train001", 24, 32)
    assert record["channels"] == 1
    assert "UCSDped2.m" in index["labels"]["source"]
    assert "the official archive has 16 with 2550" in index["warnings"][0]


def _m(base: Path) -> None:
    lines = [
        f"x{{end+1}}.gt_frame = [{' '.join(f'{a + 1}:{b + 1}' for a, b in spans)}];"
        for spans in SPANS
    ]
    (base / "ped2.m").write_text("\n".join(lines))


def _mat(base: Path) -> None:
    cell = np.empty((1, 2), object)
    for number, spans in enumerate(SPANS):
        cell[0, number] = np.array(spans).T + 1
    savemat(base / "ped2.mat", {"gt": cell})


def _npy(base: Path) -> None:
    np.save(base / "frame_labels_ped2.npy", np.concatenate(vectors())[None])


def _object_npy(base: Path) -> None:
    cell = np.empty(2, object)
    cell[:] = vectors()
    np.save(base / "gt_label.npy", cell)


def _json(base: Path) -> None:
    content = {f"{n:02d}": v.tolist() for n, v in enumerate(vectors(), 1)}
    (base / "gt_label.json").write_text(json.dumps(content))


def _npz(base: Path) -> None:
    np.savez(base / "labels.npz", **{f"{n:02d}": v for n, v in enumerate(vectors(), 1)})


@pytest.mark.parametrize("write", [_m, _mat, _npy, _object_npy, _json, _npz])
def test_repacked_layout_with_every_label_format(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(repacked(tmp_path))
    index = index_of(tmp_path)
    for vector, expected in zip(index_labels(index).values(), vectors(), strict=True):
        np.testing.assert_array_equal(vector, expected)
    assert list(index_labels(index)) == ["01", "02"]


def test_label_digest_follows_the_file(tmp_path: Path) -> None:
    base = official(tmp_path)
    before = labels_of(tmp_path).sha256
    script = base / "Test/UCSDped2.m"
    script.write_text(script.read_text() + "\n")
    assert labels_of(tmp_path).sha256 != before


def test_sources_that_disagree_stop_and_name_clip_and_frame(tmp_path: Path) -> None:
    base = official(tmp_path)
    cv2.imwrite(str(base / "Test/Test002_gt/004.bmp"), np.full((24, 32), 255, np.uint8))
    with pytest.raises(VadbenchError, match=r"disagree: clip Test002, frame 3 \(from 0\) is 0"):
        labels_of(tmp_path)
    assert labels_of(tmp_path, labels="Test/UCSDped2.m").clips["Test002"][3] == 0
    assert labels_of(tmp_path, labels="masks").clips["Test002"][3] == 1


@pytest.mark.parametrize("ending", [".m", ".mat", ".npy", ".npz", ".json"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY\x01\x00v\x00{'a", b"[[0, 1"]
)
def test_a_damaged_label_file_is_named(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"ped2{ending}"
    path.write_bytes(content)
    with pytest.raises(VadbenchError, match=path.name):
        read_label_file(path, {"01": 3, "02": 4})


def test_no_labels_at_all(tmp_path: Path) -> None:
    official(tmp_path, mask="", script=False)
    with pytest.raises(VadbenchError, match="no frame labels for clip Test001"):
        labels_of(tmp_path)


def _remove_frame(base: Path) -> None:
    (base / "Test/Test002/005.tif").unlink()


def _remove_first(base: Path) -> None:
    (base / "Train/Train001/001.tif").unlink()


def _remove_first_masks(base: Path) -> None:
    (base / "Test/Test001_gt/001.bmp").unlink()


def _damage_frame(base: Path) -> None:
    path = base / "Test/Test002/005.tif"
    path.write_bytes(path.read_bytes()[:60])


def _resize_frame(base: Path) -> None:
    cv2.imwrite(str(base / "Test/Test002/005.tif"), np.zeros((24, 40), np.uint8))


def _empty_clip(base: Path) -> None:
    for path in (base / "Train/Train002").iterdir():
        path.unlink()


def _shorten_clip(base: Path) -> None:
    (base / "Test/Test002/009.tif").unlink()
    (base / "Test/Test002_gt/009.bmp").unlink()


def _double_frame(base: Path) -> None:
    cv2.imwrite(str(base / "Test/Test002/5.png"), np.zeros((24, 32), np.uint8))


def _odd_name(base: Path) -> None:
    cv2.imwrite(str(base / "Test/Test002/cover.png"), np.zeros((24, 32), np.uint8))


def _bad_script(base: Path) -> None:
    (base / "Test/UCSDped2.m").write_text("a.gt_frame = [1:ones];\nb.gt_frame = [2];")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_remove_frame, r"Test002: frame 5 is missing from the sequence 1 to 9"),
        (_remove_first, r"Train001: clip Train001: frame 1 is missing, the first one is 2"),
        (_remove_first_masks, r"Test001_gt: clip Test001_gt: frame 1 is missing, the first one is"),
        (_damage_frame, r"005\.tif: clip Test002, frame 4: cannot be decoded"),
        (_resize_frame, r"clip Test002, frame 4: is 40 x 24 pixels, but the clip is 32 x 24"),
        (_empty_clip, r"Train002: the clip has no frames"),
        (_shorten_clip, r"clip Test002: abnormal frames 6 to 8 \(from 0\), but the clip has 8"),
        (_double_frame, r"Test002: frame 5 is there twice"),
        (_odd_name, r"cover\.png: an image whose name is no frame number"),
        (_bad_script, r"UCSDped2\.m: cannot be read as labels \('1:ones'"),
    ],
)
def test_broken_data_is_named(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(official(tmp_path))
    with pytest.raises(VadbenchError, match=message):
        index_of(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "x{2}.gt_frame = [3:4];\nx{1}.gt_frame = [1];",
        "x = {};\nx{ end + 1 }.gt_frame=[1];\nx{end+1}.gt_frame = [3:4];",
        "x(2).gt_frame = [3, 4]; x(1) . gt_frame = [1]",
        "gt_frame = [1];\n% x{1}.gt_frame = [2];\ngt_frame = [3 : 4];",
    ],
)
def test_a_script_says_which_clip_is_which(tmp_path: Path, text: str) -> None:
    path = tmp_path / "UCSDped2.m"
    path.write_text(text)
    labels = read_label_file(path, {"Test001": 4, "Test002": 4})
    assert labels["Test001"].tolist() == [1, 0, 0, 0]
    assert labels["Test002"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x{1}.gt_frame = [1];\nx{1}.gt_frame = [3];", r"line 2: gt_frame of index 1 is there tw"),
        (
            "x{1}.gt_frame = [1];\n\nx{3}.gt_frame = [3];",
            r"line 3: .* index 3, but none of index 2",
        ),
        ("x{1}.gt_frame = [1];\nx{end+1}.gt_frame = [3];", r"line 2: .* before have numbers"),
        ("x{end+1}.gt_frame = [1];\nx{2}.gt_frame = [3];", r"line 2: .* before have none"),
        ("x{0}.gt_frame = [1];\nx{1}.gt_frame = [3];", r"line 1: gt_frame of index 0; expected"),
        ("x{k}.gt_frame = [1];\nx{end}.gt_frame = [3];", r"line 1: gt_frame of index k; expec"),
    ],
)
def test_a_script_whose_clips_are_in_doubt_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "UCSDped2.m"
    path.write_text(text)
    with pytest.raises(VadbenchError, match=rf"UCSDped2\.m, {message}"):
        read_label_file(path, {"Test001": 4, "Test002": 4})


def test_leftovers_of_other_systems_are_passed_over(tmp_path: Path) -> None:
    base = official(tmp_path)
    (base / "Test/Test001/._001.tif").write_bytes(b"x")
    (base / "Test/Test001/Thumbs.db").write_bytes(b"x")
    assert index_of(tmp_path)["clips"]["test"][0]["n_frames"] == 8


def test_a_missing_data_set_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match=r"UCSDped1.*set VADBENCH_DATA"):
        ucsd.list_clips(UCSDSection(subset="ped1"), tmp_path)


def test_state_sees_content_by_size_and_time_and_is_per_clip(tmp_path: Path) -> None:
    base = official(tmp_path)
    section = UCSDSection()
    before = raw_state(section, tmp_path)
    (base / "Test/Test001/003.tif").touch()
    after = raw_state(section, tmp_path)
    assert {key for key in before if before[key] != after[key]} == {"test/Test001"}
    (base / "Test/UCSDped2.m").write_text("")
    assert raw_state(section, tmp_path)["labels"] != after["labels"]


def test_real_ped2(ped2_root: Path) -> None:
    section = UCSDSection(subset="ped2")
    labels = read_labels(section, ped2_root)
    assert sum(int(vector.sum()) for vector in labels.clips.values()) == 1648
    assert [len(vector) for vector in labels.clips.values()] == section.official_counts()["test"]
    for split, counts in section.official_counts().items():
        clips = datasets.list_clips(section, ped2_root)[split]
        opened = [ucsd.open_clip(section, ped2_root, split, clip) for clip in clips]
        assert [clip.n_frames for clip in opened] == counts


def test_a_whole_path_is_taken_from_anywhere(tmp_path: Path) -> None:
    base = official(tmp_path / "elsewhere")
    index = index_of(tmp_path / "data", path=str(base))
    assert index["labels"]["source"].startswith(f"{base}/Test/UCSDped2.m = {base}/Test/*_gt")
