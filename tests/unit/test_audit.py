from pathlib import Path

import cv2
import numpy as np
import pytest

from vadbench import datasets
from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.audit import audit, list_files
from vadbench.config import load_config
from vadbench.datasets.index import build_index, check_clip, load_json, write_json
from vadbench.errors import VadbenchError
from vadbench.plan import Plan

FRAMES, HEIGHT, WIDTH = 6, 24, 32
CONFIG = {
    "datasets": {"own": {"family": "folder", "path": "own", "labels": "labels.csv"}},
    "flow": {"farneback": {"backend": "farneback"}},
    "objects": {"boxes": {"source": "motion"}},
    "cubes": {"stc": {"objects": "boxes", "flow": "farneback"}},
    "methods": {"baselines": {"cubes": "stc"}},
}
OBJECTS = Path("results/own/objects/boxes/test/b.h5")


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A checked data set of two clips with its index, and the boxes of one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VADBENCH_DATA", "data")
    rng = np.random.default_rng(0)
    for clip in ("train/a", "test/b"):
        folder = Path("data/own", clip)
        folder.mkdir(parents=True)
        for number in range(FRAMES):
            frame = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), frame)
    Path("data/own/labels.csv").write_text("clip,first,last\nb,2,3\n")
    plan = Plan(load_config(CONFIG))
    section = plan.config.datasets["own"]
    records = {}
    for split, clip in (("train", "a"), ("test", "b")):
        job = plan.clip_params("own", split, clip)
        with datasets.watch_clip(job["source"], "own", split, clip, job["state"]):
            record = check_clip(datasets.open_source(job["source"], "own", split, clip), clip)
        write_json(record, Path(f"results/own/clips/{split}/{clip}.json"))
        records[split] = [record]
    labels = datasets.read_labels(section, Path("data"))
    write_json(build_index("own", "folder", 25, records, labels), Path("results/own/index.json"))
    write_objects([[1, 2, 9, 10], [3, 4, 12, 20]])
    assert problems(plan) == []
    return plan


def write_objects(boxes: list[list[float]], path: Path = OBJECTS, **changes: object) -> None:
    owner = changes.get("owner", Identity("own", "test", "b"))
    count = len(boxes)
    offsets = changes.get("offsets", [0] * FRAMES + [count])
    with ArtefactWriter(path, "objects", owner, len(offsets) - 1, settings={}) as writer:
        writer.put("frame_offsets", offsets)
        writer.put("boxes", np.asarray(boxes, np.float32).reshape(-1, 4))
        writer.put("sources", np.ones(count))
        writer.put("classes", np.ones(count))
        writer.put("scores", changes.get("scores", np.ones(count)))


def problems(plan: Plan) -> list[str]:
    # What is known of raw files is looked up once by a plan.
    report = audit([Path("results")], Plan(plan.config))
    return [f"{finding.path}: {finding.problem}" for finding in report.findings]


@pytest.mark.parametrize(
    ("boxes", "changes", "message"),
    [
        ([[1, 2, 40, 10]], {}, "box 0 is outside 32 x 24 pixels: 1, 2, 40, 10"),
        ([[1, 2, 9, 9], [5, 5, 5, 9]], {}, "box 1 is without area"),
        ([[1, 2, 9, 9]], {"offsets": [0, 0, 1]}, "2 frames, but the clip has 6"),
        ([[1, 2, 9, 9]], {"offsets": [0, 1, 0, 1, 1, 1, 1]}, "frame_offsets: does not begin"),
        ([[1, 2, 9, 9]], {"offsets": [0, 0, 0, 0, 0, 0, 2]}, "ends at 2, but there are 1"),
        ([[1, 2, 9, 9]], {"scores": [1.5]}, "values from 1.5 to 1.5, expected 0 to 1"),
        ([[1, 2, 9, 9]], {"scores": [np.nan]}, "not a number"),
        ([[1, 2, 9, 9]], {"owner": Identity("own", "test", "c")}, "is of the clip 'c'"),
        ([[1, 2, 9, 9]], {"owner": Identity("own", "train", "b")}, "is of the split 'train'"),
        ([[1, 2, 9, 9]] * 1001, {}, "1001 boxes, which no scene has"),
    ],
)
def test_what_cannot_be_is_named(
    plan: Plan, boxes: list[list[float]], changes: dict, message: str
) -> None:
    write_objects(boxes, **changes)
    assert any(message in text for text in problems(plan)), problems(plan)


def test_a_replaced_label_file_is_found(plan: Plan) -> None:
    Path("data/own/labels.csv").write_text("clip,first,last\nb,1,3\n")
    found = problems(plan)
    assert len(found) == 2
    assert "the labels of own/labels.csv are others now" in found[0]
    assert found[1].startswith("results/own/index.json: clip b: other labels")


def test_raw_frames_that_changed_are_found_and_touched_ones_are_not(plan: Plan) -> None:
    frame = Path("data/own/test/b/3.png")
    frame.touch()
    assert problems(plan) == []
    cv2.imwrite(str(frame), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (found,) = problems(plan)
    assert found.startswith("results/own/clips/test/b.json: the raw frames are others now")


def test_an_index_that_tells_of_other_clips_is_found(plan: Plan) -> None:
    index = load_json("results/own/index.json")
    index["clips"]["train"][0]["n_frames"] = 5
    write_json(index, Path("results/own/index.json"))
    (found,) = problems(plan)
    assert "does not hold what results/own/clips/train/a.json says" in found


def test_an_input_that_is_gone_is_noted_and_one_that_changed_is_found(plan: Plan) -> None:
    source = Path("results/own/clips/test/b.json")
    record = load_json(source)
    with ArtefactWriter(
        OBJECTS, "objects", Identity("own", "test", "b"), FRAMES, settings={}, inputs=[source]
    ) as writer:
        writer.put("frame_offsets", [0] * (FRAMES + 1))
        writer.put("boxes", np.zeros((0, 4)))
        for name in ("sources", "classes", "scores"):
            writer.put(name, [])
    assert problems(plan) == []
    write_json(record | {"frames_sha256": "0" * 64}, source)
    found = problems(plan)
    assert any(
        "was made from results/own/clips/test/b.json with the digest" in text for text in found
    )
    source.unlink()
    report = audit([OBJECTS], plan)
    assert not report.findings
    assert "results/own/clips/test/b.json is no longer there" in report.notes[0]


def test_a_path_that_does_not_exist_is_an_error(plan: Plan) -> None:
    with pytest.raises(VadbenchError, match="nowhere: no such file or folder"):
        list_files([Path("nowhere")])
