import shutil
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest
import yaml

from vadbench import doctor
from vadbench.cli import main
from vadbench.doctor import Finding, examine
from vadbench.errors import VadbenchError
from vadbench.plan import open_plan

PROJECT = Path(__file__).parents[2]
CONFIG = """
datasets:
  walkway: {family: walkway}
  ped2: {family: ucsd, subset: ped2}
segmentation:
  coco: {backend: maskrcnn}
flow:
  farneback: {backend: farneback}
objects:
  instances: {source: instances, segmentation: coco}
cubes:
  stc: {objects: instances, flow: farneback}
methods:
  baselines: {cubes: stc}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path / "weights"))
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def by_name(config: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(config)}


def test_it_says_what_is_there_and_what_a_run_would_stop_at(config: Path) -> None:
    found = by_name(config)
    assert found["Python"].state == found["packages"].state == "ok"
    assert found["data set walkway"].state == "ok"
    assert found["data set ped2"].state == "fault"
    assert "UCSDped2" in found["data set ped2"].found + found["data set ped2"].advice
    weights = found["weights"]
    assert weights.state == "fault"
    assert "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth are not there" in weights.found
    assert "vadbench fetch weights maskrcnn_resnet50_fpn_v2" in weights.advice


@pytest.mark.parametrize(
    ("found", "state"), [("3.11.3", "fault"), ("3.13.9", "ok"), ("3.14.0", "fault")]
)
def test_python_has_to_be_of_the_range_that_is_required(
    config: Path, monkeypatch: pytest.MonkeyPatch, found: str, state: str
) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = {"Requires-Python": project["requires-python"]}
    monkeypatch.setattr(doctor, "metadata", lambda _: wanted)
    monkeypatch.setattr(doctor.platform, "python_version", lambda: found)
    assert by_name(config)["Python"].state == state


def test_a_package_of_another_release_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy>=99", "no-such-package", "h5py>=3"])
    packages = by_name(config)["packages"]
    assert packages.state == "fault"
    assert "numpy is" in packages.found
    assert "no-such-package is missing" in packages.found
    assert "h5py" not in packages.found


def test_little_room_on_the_disk_is_said(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**11, 99 * 10**9, 10**9))
    disk = by_name(config)["disk, results"]
    assert (disk.state, disk.found) == ("note", "1 GB free")


def test_a_configuration_that_is_not_valid_is_a_finding(config: Path) -> None:
    config.write_text(CONFIG.replace("baselines", "baseline"))
    assert by_name(config)["config.yaml"].state == "fault"
    assert "did you mean 'baselines'" in by_name(config)["config.yaml"].advice


def test_the_command_ends_with_1_if_something_is_amiss(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["doctor", "--config", str(config)]) == 1
    shown = capsys.readouterr().out
    assert "detectron2" in shown
    assert "-> vadbench fetch weights maskrcnn_resnet50_fpn_v2\n" in shown
    assert "segmentation.coco.maskrcnn.weights: the weights " in shown
    assert "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth are not there\n" in shown
    config.write_text("datasets: {walkway: {family: walkway}}\nmethods: {}\n")
    assert main(["doctor", "--config", str(config)]) == 1


OWN = """
datasets:
  gate: {family: folder, path: gate, labels: labels.csv}
segmentation:
  shipped: {backend: annotations}
  theirs: {backend: import, import_path: {train: masks/train.json, test: masks/test}}
flow:
  farneback: {backend: farneback}
objects:
  vec: {source: import, import_path: {train: boxes/train.npy, test: boxes/test.npy}}
cubes:
  stc: {objects: vec, flow: farneback}
views:
  small: {size: 64, flow: farneback, segmentation: shipped}
  other: {size: 64, flow: farneback, segmentation: theirs}
methods:
  baselines: {cubes: stc}
  flow_duality: {views: small}
  object_class_aware: {views: other, settings: {encoder_weights: weights/mine.safetensors}}
"""


def test_every_file_that_the_configuration_names_is_looked_for(config: Path) -> None:
    for split in ("train", "test"):
        (config.parent / f"data/gate/{split}/one").mkdir(parents=True)
    config.write_text(OWN)
    boxes = config.parent / "data/boxes"
    boxes.mkdir()
    (boxes / "train.npy").touch()
    findings = [f for f in examine(config) if f.state == "fault" and f.what != "packages"]
    assert [f.what for f in findings] == [
        "data set gate", "objects.vec", "segmentation.shipped",
        *["segmentation.theirs"] * 2, "weights",
    ]  # fmt: skip
    gate, box, shipped, *_, weights = findings
    assert "labels.csv: no such label file" in gate.found
    assert "fetch" not in gate.advice
    assert box.found.startswith("objects.vec.import_path.test: neither boxes/test.npy nor ")
    assert "data set 'gate' ships no instance masks" in shipped.found
    assert weights.found.endswith("weights/mine.safetensors: no such file")
    with pytest.raises(VadbenchError) as caught:
        open_plan(yaml.safe_load(OWN))
    heading, *lines = str(caught.value).splitlines()
    assert heading == "What the configuration needs is not there."
    assert lines == [
        line for f in findings for line in f.found.removeprefix("missing: ").split("\n")
    ]
    open_plan(yaml.safe_load(OWN), check=False)
    broken = yaml.safe_load(OWN.replace("{cubes: stc}", "{cubes: stcs}"))
    with pytest.raises(VadbenchError, match=r"^The configuration is not valid \(own\.yaml\)\.\n"):
        open_plan(broken, files=["own.yaml"])
