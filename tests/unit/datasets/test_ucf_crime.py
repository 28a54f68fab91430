"""Small copies of UCF-Crime as its archives unpack, and as repacked."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.videos import write_video
from vadbench.datasets import raw_state, read_labels, ucf_crime
from vadbench.datasets.check import check_clip
from vadbench.datasets.index import build_index, index_labels
from vadbench.datasets.sections import UCFCrimeSection as Section
from vadbench.errors import VadbenchError

ANNOTATIONS = "Temporal_Anomaly_Annotation_for_Testing_Videos.txt"
TEST = {
    "Arson011": (12, "Arson", "2  4  8  13"),  # One frame more than there is, as officially.
    "Explosion004": (9, "Explosion", "1  3  -1  -1"),
    "Explosion008": (8, "Explosion", "8  8  -1  -1"),
    "Explosion013": (7, "Explosion", "0  2  -1  -1"),
    "Explosion021": (6, "Explosion", "2  6  -1  -1"),
    "Shooting008": (5, "Shooting", "-1  -1  -1  -1"),
}
ABNORMAL = {
    "Arson011": [1, 2, 3, 7, 8, 9, 10, 11],
    "Explosion004": [0, 1, 2],
    "Explosion008": [7],
    "Explosion013": [0, 1],
    "Explosion021": [1, 2, 3, 4, 5],
    "Shooting008": [],
}
NORMAL = [165, 256, 267, 269, 279, 301, 355, 358, 489, 624]


def annotations(**changed: str) -> str:
    lines = ["Abuse028_x264.mp4  Abuse  165  240  -1  -1  "]
    for clip, (_, kind, spans) in TEST.items():
        lines.append(f"{clip}_x264.mp4  {kind}  {changed.get(clip, spans)}  ")
    lines.append("Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  ")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders that the archives unpack to, with videos that nobody asked for among them."""
    root = tmp_path_factory.mktemp("data")
    base = root / "UCF_Crimes"
    for number in [*NORMAL, 7]:
        name = f"Training_Normal_Videos_Anomaly/Normal_Videos{number:03d}_x264.mp4"
        write_video(base / name, 4, codec="libx264", size=(32, 48), rate=30, seed=number)
    other = "Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4"
    write_video(base / other, 4, codec="libx264", size=(32, 48), rate=30)
    for clip, (count, kind, _) in TEST.items():
        part = "Anomaly-Videos-Part-3" if kind == "Shooting" else "Anomaly-Videos-Part-2"
        write_video(
            base / part / kind / f"{clip}_x264.mp4", count, codec="libx264", size=(32, 48), rate=30
        )
    (base / ANNOTATIONS).write_text(annotations())
    return root


@pytest.fixture
def root(archive: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    for path in archive.rglob("*.*"):
        if path.is_file():
            target = tmp_path / path.relative_to(archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path


def index_of(root: Path, **settings: str) -> dict:
    section = Section.model_validate(settings)
    clips = {
        split: [check_clip(ucf_crime.open_clip(section, root, split, n), n) for n in names]
        for split, names in ucf_crime.list_clips(section, root).items()
    }
    labels = read_labels(section, root)
    return build_index("ucf", section.family, section.fps, clips, labels)


def test_the_sixteen_clips_of_the_paper_are_found_in_the_archives(archive: Path) -> None:
    index = index_of(archive)
    assert [c["clip"] for c in index["clips"]["train"]] == [f"Normal_Videos{n}" for n in NORMAL]
    found = {clip["clip"]: clip["n_frames"] for clip in index["clips"]["test"]}
    assert found == {clip: count for clip, (count, _, _) in TEST.items()}
    labels = index_labels(index)
    assert {clip: np.flatnonzero(v).tolist() for clip, v in labels.items()} == ABNORMAL
    assert index["labels"]["source"] == f"UCF_Crimes/{ANNOTATIONS}"
    (warning,) = index["warnings"]
    assert warning.startswith(
        f"{ANNOTATIONS}: clip Arson011: abnormal frames 8 to 13 (from 1), but the video has 12"
    )


def test_the_repacked_layout_has_the_same_labels(tmp_path: Path) -> None:
    base = tmp_path / "ucf_crime"
    for number in NORMAL:
        write_frames(base / "training/frames" / f"Normal_Videos{number}", 3)
    for clip, (count, _, _) in TEST.items():
        write_frames(base / "testing/frames" / f"{clip}_x264", count)
    write_frames(base / "testing/frames/Robbery050", 3)
    (base / "Temporal_Anomaly_Annotation.txt").write_text(annotations())
    index = index_of(tmp_path)
    assert [clip["clip"] for clip in index["clips"]["test"]] == list(TEST)
    labels = index_labels(index)
    assert {clip: np.flatnonzero(v).tolist() for clip, v in labels.items()} == ABNORMAL


def write_frames(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for t in range(count):
        cv2.imwrite(str(folder / f"{t:04d}.jpg"), np.full((8, 8, 3), 10 * t, np.uint8))


def test_a_video_that_is_there_twice_is_read_once_unless_the_two_differ(root: Path) -> None:
    first = root / "UCF_Crimes/Anomaly-Videos-Part-2/Arson/Arson011_x264.mp4"
    second = root / "UCF_Crimes/Copies/Arson011_x264.mp4"
    second.parent.mkdir()
    second.write_bytes(first.read_bytes())
    assert len(ucf_crime.list_clips(Section(), root)["test"]) == 6
    second.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(
        VadbenchError,
        match=r"Arson011 is there twice, as Anomaly-Videos-Part-2/Arson/Arson011_x264\.mp4 and Cop",
    ):
        ucf_crime.list_clips(Section(), root)


def test_a_missing_clip_and_a_missing_data_set_are_named(root: Path) -> None:
    (root / "UCF_Crimes/Training_Normal_Videos_Anomaly/Normal_Videos269_x264.mp4").unlink()
    with pytest.raises(VadbenchError, match=r"lacks the train clip Normal_Videos269; expected a"):
        ucf_crime.list_clips(Section(), root)
    with pytest.raises(VadbenchError, match=r"looked for .*elsewhere; set VADBENCH_DATA"):
        ucf_crime.list_clips(Section(path="elsewhere"), root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (annotations(Explosion004="5"), r"Videos\.txt, line 3: 'Explosion004_x264\.mp4  Explosion"),
        (annotations(Explosion004="3  1  -1  -1"), r"line 3: .*expected a video, its class"),
        (annotations(Explosion004="3  -1  -1  -1"), r"line 3: .*expected a video, its class"),
        (annotations(Explosion004="3  four  -1  -1"), r"line 3: .*expected a video, its class"),
        (annotations() + annotations(), r"line 9: the clip Abuse028 has a line already"),
        (annotations(Explosion004="10  12  -1  -1"), r"clip Explosion004: abnormal frames 9 to 8"),
        (
            annotations(Explosion004="2  99  -1  -1"),
            r"Explosion004: abnormal frames 1 to 98 .* 9 f",
        ),
        (annotations().replace("Shooting008", "Shooting009"), r"no frame labels for clip Shoo"),
        ("\N{SNOWMAN}", "cannot be read as annotations"),
    ],
)
def test_annotations_that_are_damaged_or_do_not_fit_are_named(
    root: Path, text: str, message: str
) -> None:
    (root / "UCF_Crimes" / ANNOTATIONS).write_text(text)
    with pytest.raises(VadbenchError, match=message):
        read_labels(Section(), root)


def _no_annotations(base: Path) -> None:
    (base / ANNOTATIONS).unlink()


def _other_labels(base: Path) -> None:
    vectors = {clip: np.zeros(count, np.uint8) for clip, (count, _, _) in TEST.items()}
    np.savez(base / "ucf_labels.npz", **vectors)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_annotations, r"no frame labels for clip Arson011; expected a line for it in Temporal"),
        (_other_labels, r"disagree: clip Arson011, frame 1 \(from 0\) is 0 in the first and 1"),
    ],
)
def test_labels_come_from_every_source_that_is_there(
    root: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(root / "UCF_Crimes")
    with pytest.raises(VadbenchError, match=message):
        read_labels(Section(), root)


def test_the_source_of_labels_can_be_named(root: Path) -> None:
    _other_labels(root / "UCF_Crimes")
    named = read_labels(Section(labels=ANNOTATIONS), root)
    assert named.clips["Explosion008"].tolist() == [0] * 7 + [1]
    assert not read_labels(Section(labels="ucf_labels.npz"), root).clips["Arson011"].any()
    before = raw_state(Section(), root)
    (root / "UCF_Crimes" / ANNOTATIONS).write_text(annotations() + "\n")
    after = raw_state(Section(), root)
    assert {key for key in before if before[key] != after[key]} == {"labels"}


def test_a_whole_path_is_taken_from_anywhere(archive: Path, tmp_path: Path) -> None:
    base = archive / "UCF_Crimes"
    labels = read_labels(Section(path=str(base)), tmp_path)
    assert labels.source == str(base / ANNOTATIONS)
