import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import save

from tests.workflow.conftest import PROJECT
from vadbench import datasets
from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.artefacts.facts import write_listing
from vadbench.artefacts.seal import EMPTY, seal_bytes
from vadbench.audit import audit, descendants, list_files
from vadbench.config import load_config
from vadbench.datasets.check import check_clip
from vadbench.datasets.index import build_index, load_json, write_json
from vadbench.errors import VadbenchError
from vadbench.plan import Plan
from vadbench.regions import Regions

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


def test_a_record_of_another_clip_is_found(plan: Plan) -> None:
    record = Path("results/own/clips/test/b.json")
    write_json(load_json("results/own/clips/train/a.json"), record)
    assert f"{record}: is of the clip 'a'" in problems(plan)


def test_results_of_a_raw_clip_that_is_gone_are_noted(plan: Plan) -> None:
    shutil.copytree("data/own/test/b", "data/own/test/c")
    shutil.rmtree("data/own/test/b")
    Path("data/own/labels.csv").write_text("clip,first,last\nc,2,3\n")
    now = Plan(plan.config)
    report = audit([Path("results")], now)
    Path("workflow").symlink_to(PROJECT / "workflow")
    noted = "own: raw data and labels cannot be looked at (own has no test clip 'b')"
    assert noted in report.notes
    assert "results/own/index.json: the raw clip b is no longer there" in report.notes
    assert all("the labels of own" in finding.problem for finding in report.findings)
    assert descendants(now, report.unsound)


def test_results_of_a_data_set_that_is_no_longer_configured_are_read(plan: Plan) -> None:
    path = Path("results/own/hf2vad/full@gone/seed0/flow.safetensors")
    path.parent.mkdir(parents=True)
    facts = {"method": "hf2vad", "variant": "full@gone", "stage": "flow", "seed": 0}
    facts |= {"dataset": "own", "code": "c", "settings": {}, "inputs": {}, "seal": EMPTY}
    metadata = {"vadbench": json.dumps(facts)}
    path.write_bytes(seal_bytes(save({"a": np.ones(3, np.float32)}, metadata)))
    assert problems(plan) == []


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


def test_results_alone_are_sound_and_say_what_was_not_looked_at(plan: Plan) -> None:
    shutil.rmtree("data")
    report = audit([Path("results")], Plan(plan.config))
    assert not report.findings
    assert any("own: raw data and labels cannot be looked at" in note for note in report.notes)


def test_an_audit_of_nothing_is_an_error(plan: Plan) -> None:
    Path("results/empty").mkdir()
    with pytest.raises(VadbenchError, match="results/empty: nothing there is a result"):
        audit([Path("results/empty")])


def test_a_replaced_mask_is_found_where_labels_stay_the_same(plan: Plan) -> None:
    labels = Path("data/own/labels.csv")
    section = plan.config.datasets["own"]
    with datasets.watch_labels(section, "own", plan.index_params("own")["state"]):
        pass
    regions = Regions(
        ["b"],
        np.array([0, FRAMES]),
        np.zeros(1, np.bool_),
        np.zeros(FRAMES + 1, np.int64),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int32),
        np.array([[HEIGHT, WIDTH]]),
        "none",
    )
    regions.save(Path("results/own/regions.h5"), "own", inputs=[Path("results/own/index.json")])
    assert problems(plan) == []
    # Another file of the same labels, as a mask with other pixels would be.
    labels.write_bytes(labels.read_bytes() + b"b,3,3\n")
    for name in ("index.json", "regions.h5"):
        words = f"results/own/{name}: the label files or masks are others now"
        assert any(text.startswith(words) for text in problems(plan))
    Path("results/other").mkdir()
    shutil.copy("results/own/regions.h5", "results/other/regions.h5")
    assert any("results/other/regions.h5: is of the dataset 'own'" in p for p in problems(plan))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", {"schema": 3, "dataset": "own"}, "does not say its method, variant, "),
        ("cost.json", {"schema": 2, "inputs": []}, "does not say its dataset"),
        ("metrics.json", {"schema": 2}, "has the schema 2, expected 3"),
        ("index.json", {}, "has the schema None, expected 4"),
        ("other.json", {"value": float("nan")}, "cannot be read (a number is NaN)"),
        ("other.json", {"value": float("-inf")}, "cannot be read (a number is -Infinity)"),
    ],
)
def test_a_record_that_lacks_something_is_found(
    plan: Plan, name: str, content: dict, message: str
) -> None:
    path = Path("results/own/hf2vad/full/seed0", name)
    write_json(content, path)
    assert any(f"{path}: {message}" in text for text in problems(plan)), problems(plan)


def test_weights_that_do_not_say_their_inputs_are_found(plan: Plan) -> None:
    path = Path("results/own/hf2vad/full/seed0/flow.safetensors")
    path.parent.mkdir(parents=True)
    facts = {"method": "hf2vad", "variant": "full", "stage": "flow", "seal": EMPTY}
    metadata = {"vadbench": json.dumps(facts)}
    path.write_bytes(seal_bytes(save({"a": np.ones(3, np.float32)}, metadata)))
    assert problems(plan) == [f"{path}: does not say its dataset, seed, code, settings, inputs"]


def test_a_split_without_any_box_is_noted(plan: Plan) -> None:
    write_objects([])
    report = audit([Path("results")], Plan(plan.config))
    assert not report.findings
    assert "results/own/objects/boxes/test: none of 1 clips has a box" in report.notes


def test_cubes_of_other_boxes_are_found(plan: Plan) -> None:
    path = Path("results/own/cubes/stc/test/b.h5")

    def write(boxes: list[list[float]]) -> None:
        count, owner = len(boxes), Identity("own", "test", "b")
        with ArtefactWriter(path, "cubes", owner, FRAMES, settings={}, inputs=[OBJECTS]) as writer:
            writer.put("frame_offsets", [0] * FRAMES + [count])
            writer.put("boxes", np.asarray(boxes, np.float32))
            writer.put("frames", np.zeros((count, 5, 4, 4, 3)))
            writer.put("flow", np.zeros((count, 5, 4, 4, 2)))

    write([[1, 2, 9, 10], [3, 4, 12, 20]])
    assert problems(plan) == []
    write([[1, 2, 9, 10]])
    assert problems(plan) == [f"{path}: frame_offsets: not those of {OBJECTS}"]


def test_a_folder_holds_what_it_lists(plan: Plan) -> None:
    folder = Path("results/own/thumbnails")
    folder.mkdir()
    for name in ("01.jpg", "02.jpg"):
        cv2.imwrite(str(folder / name), np.zeros((8, 8), np.uint8))
    write_listing(folder, [], "code")
    (folder / ".snakemake_timestamp").touch()
    assert problems(plan) == []
    (folder / "01.jpg").write_bytes(b"garbage")
    (folder / "02.jpg").rename(folder / "03.jpg")
    listing = folder / "contents.json"
    assert problems(plan) == [
        f"{folder}/01.jpg: not a JPEG file",
        f"{folder}/01.jpg: is not the file that {listing} lists",
        f"{folder}/03.jpg: is not among what {listing} lists",
        f"{listing}: 02.jpg is gone",
    ]
    listing.unlink()
    alone = "there is no contents.json beside it, which says what it is"
    assert f"{folder}/03.jpg: {alone}" in problems(plan)


def test_a_path_that_does_not_exist_is_an_error(plan: Plan) -> None:
    with pytest.raises(VadbenchError, match="results/nowhere: no such file or folder"):
        list_files([Path("results/nowhere")])
