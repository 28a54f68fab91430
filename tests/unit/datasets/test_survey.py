"""What `vadbench datasets` says of data that is there, missing or damaged."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from tests.unit.datasets.test_published_layouts import write_shanghaitech
from tests.videos import write_video
from vadbench.cli import main

CONFIG = {
    "flow": {"farneback": {}},
    "objects": {"motion": {"source": "motion"}},
    "cubes": {"stc": {"objects": "motion", "flow": "farneback"}},
    "methods": {"baselines": {"cubes": "stc"}},
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ShanghaiTech and videos of one's own, both whole."""
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    write_shanghaitech(tmp_path)
    write_video(tmp_path / "gate/train/sunday.mp4", 10, codec="libx264")
    write_video(tmp_path / "gate/test/monday.avi", 12)
    (tmp_path / "gate/labels.csv").write_text("clip,first,last\nmonday,2,4\n")
    own = {"family": "folder", "path": "gate", "labels": "labels.csv"}
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(CONFIG | {"datasets": {"sht": {"family": "shanghaitech"}, "gate": own}})
    )
    return path


def listed(
    config: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, Any]]:
    code = main(["datasets", "--config", str(config), "--json", *options])
    return code, {item["name"]: item for item in json.loads(capsys.readouterr().out)}


def test_what_is_whole_is_listed_without_decoding(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "gate/test/monday.avi").write_bytes(b"no video")
    code, found = listed(config, capsys)
    assert code == 0
    assert {name: item["state"] for name, item in found.items()} == {
        "sht": "complete",
        "gate": "complete",
    }
    assert found["sht"]["train"] == ["01_001", "02_001"]
    assert found["gate"]["labels"] == ["gate/labels.csv"]
    assert found["gate"]["checked"] is None


def test_a_check_decodes_every_frame(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = listed(config, capsys, "--check")
    assert (code, found["sht"]["state"], found["sht"]["checked"]) == (0, "complete", 4)
    assert found["gate"]["frames"] == {"train": 10, "test": 12}
    assert main(["datasets", "--config", str(config), "--check"]) == 0
    assert "complete, decoded" in capsys.readouterr().out


def test_everything_that_is_damaged_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = config.parent
    (root / "shanghaitech/testing/frames/01_0014/002.jpg").write_bytes(b"no image")
    (root / "shanghaitech/testing/frames/02_0128/001.jpg").unlink()
    video = root / "shanghaitech/training/videos/02_001.avi"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    (root / "gate/labels.csv").write_text("clip,first,last\nmonday,2,40\n")
    code, found = listed(config, capsys, "--check")
    assert (code, found["sht"]["state"], found["gate"]["state"]) == (1, "damaged", "damaged")
    problems = "\n".join(found["sht"]["problems"])
    assert "train/02_001: " in problems
    assert "02_001.avi: " in problems
    assert "002.jpg: clip 01_0014, frame 2: cannot be decoded" in problems
    assert "frame 1 is missing from the sequence 0 to 3" in problems
    assert found["sht"]["checked"] == 1
    (problem,) = found["gate"]["problems"]
    assert "clip monday: abnormal frames 2 to 40 (from 0), but the clip has 12" in problem
    main(["datasets", "--config", str(config), "--check"])
    assert "sht: train/02_001: " in capsys.readouterr().out


def test_frames_of_different_sizes_are_damage(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "gate/test/tuesday").mkdir()
    cv2.imwrite(str(config.parent / "gate/test/tuesday/0.png"), np.zeros((8, 8), np.uint8))
    _, found = listed(config, capsys, "--check")
    (problem,) = found["gate"]["problems"]
    assert "frames of different sizes: 96 x 64 from clip sunday, 8 x 8 from clip tuesday" in problem


def test_missing_labels_are_missing_data(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (config.parent / "shanghaitech/testing/test_frame_mask").iterdir():
        path.unlink()
    (config.parent / "gate/labels.csv").unlink()
    code, found = listed(config, capsys)
    assert (code, found["sht"]["state"], found["gate"]["state"]) == (1, "missing", "missing")
    assert "no labels; expected shanghaitech/training/videos" in found["sht"]["problems"][0]
    assert "labels.csv: no such label file" in found["gate"]["problems"][0]


def test_the_published_data_sets_say_where_they_come_from(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "--published", "--json"]) == 1
    found = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert set(found) == {"ped1", "ped2", "avenue", "shanghaitech", "ucf_crime"}
    assert found["shanghaitech"]["state"] == "complete"
    for item in found.values():
        assert item["page"].startswith("http")
        assert item["layout"]
    assert "set VADBENCH_DATA" in found["avenue"]["problems"][0]
