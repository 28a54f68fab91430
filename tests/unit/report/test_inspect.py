"""`vadbench inspect`: words and pictures of what is below results/."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.clips import textured
from tests.cubes import write_cubes
from tests.trees import config_of, make_tree
from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.cli import main
from vadbench.report.teachers import draw_teacher


def test_records_and_weights_say_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_tree(config_of(["mine"], ["hf2vad"], [0]), {"mine": {"one": 40}})
    (run,) = plan.runs
    about = {"method": "hf2vad", "stage": "flow", "epoch": 6, "test_auc": 0.5, "code": "c0de"}
    about |= {"settings": {"flow": {"epochs": 60}}, "inputs": {"results/a.h5": "ab" * 32}}
    weights = Path(run.folder) / "flow.best_test.safetensors"
    save_file({"layer.weight": np.zeros((3, 4))}, weights, {"vadbench": json.dumps(about)})
    assert main(["inspect", str(weights), plan.metrics(run), "results/mine/index.json"]) == 0
    said = capsys.readouterr().out
    assert "weights, 12 parameters" in said
    assert "epoch      7" in said
    assert "made from  results/a.h5  abababababababab" in said
    assert "the evaluation of a run" in said
    assert "fused, last" in said
    assert "the index of a data set" in said
    assert "ab" * 32 in said


@pytest.mark.parametrize("name", ["broken.h5", "broken.json", "broken.safetensors"])
def test_a_file_is_to_be_deleted_only_where_a_run_makes_it_again(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("results", "elsewhere"):
        path = tmp_path / folder / name
        path.parent.mkdir()
        path.write_bytes(b"nothing of the kind")
        assert main(["inspect", str(path)]) == 1
        said = capsys.readouterr().err
        assert str(path) in said
        assert ("delete it" in said) == (folder == "results")


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results/notes.py"
    path.parent.mkdir()
    path.write_text("x = 1")
    assert main(["inspect", str(path)]) == 1
    said = capsys.readouterr().err
    assert "inspect reads artefacts (.h5), weights (.safetensors) and records (.json)" in said
    assert "delete" not in said


def test_boxes_are_drawn_over_their_frames(tmp_path: Path) -> None:
    owner, clip = Identity("mine", "test", "01"), textured(2, 48, 64, 3)
    path = tmp_path / "a.h5"
    with ArtefactWriter(path, "objects", owner, 2, settings={"source": "motion"}) as out:
        out.put("frame_offsets", [0, 1, 3])
        out.put("boxes", np.array([[2, 2, 20, 20], [4, 4, 30, 40], [30, 5, 60, 20]], np.float32))
        out.put("sources", [1, 0, 1])
        out.put("classes", [-1, 1, -1])
        out.put("scores", [1.0, 0.5, 1.0])
    with open_artefact(path) as artefact:
        drawn = draw_teacher(artefact, tmp_path / "with", clip)
        alone = draw_teacher(artefact, tmp_path / "alone", None)
    assert [picture.name for picture in drawn] == [
        f"mine_objects_test_01_{t}.png" for t in ("0000", "0001")
    ]
    for picture in (*drawn, *alone):
        image = cv2.imread(str(picture)).astype(int)
        blue = np.abs(image - [178, 114, 0]).sum(axis=2) < 40
        assert blue.sum() > 50, picture


def test_cubes_and_scores_are_drawn_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cubes, none = write_cubes(tmp_path / "cubes", [20, 0], channels=3)
    plan = make_tree(config_of(["mine"], ["hf2vad"], [0]), {"mine": {"one": 40, "two": 30}})
    scores = plan.scores(plan.runs[0])["test"]
    files = [str(cubes), str(none), scores]
    assert main(["inspect", *files, "--pictures", "pictures"]) == 0
    assert capsys.readouterr().out.count("drawn ") == 4
    names = {path.name for path in Path("pictures").iterdir()}
    assert names == {"00_cubes.png", "01_cubes.png", "one_scores.png", "two_scores.png"}
    image = cv2.imread("pictures/00_cubes.png")
    assert (image.std(axis=2) > 8).mean() > 0.2, "a sheet is full of cubes"
