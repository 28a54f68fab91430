"""Pictures of teachers' artefacts, and `vadbench inspect --pictures`."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.clips import ArrayClip, textured
from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.cli import main
from vadbench.report.teachers import draw_teacher
from vadbench.teachers.segmentation.instances import Instances, write_segmentation

OWNER = Identity("mine", "test", "01")
FRAMES = 8


@pytest.fixture
def clip() -> ArrayClip:
    return textured(FRAMES, 48, 64, 3)


def write(kind: str, path: Path) -> Path:
    """Something in the left half moves right, is a person and is near."""
    left = np.zeros((48, 64), bool)
    left[10:30, 4:24] = True
    if kind == "segmentation":
        person = Instances(
            np.array([[4, 10, 24, 30]], np.float32), np.array([1]), np.array([0.9]), left[None]
        )
        write_segmentation([person] * FRAMES, FRAMES, (48, 64), {"backend": "made"}, OWNER, path)
        return path
    with ArtefactWriter(path, kind, OWNER, FRAMES, settings={"backend": "made"}) as writer:
        for _ in range(FRAMES):
            values = left if kind == "depth" else np.stack([3.0 * left, 0 * left], axis=-1)
            writer.append(kind, values[None])
    return path


@pytest.mark.parametrize("kind", ["flow", "segmentation", "depth"])
def test_frames_spread_over_the_clip_are_drawn(tmp_path: Path, clip: ArrayClip, kind: str) -> None:
    with open_artefact(write(kind, tmp_path / "a.h5")) as artefact:
        drawn = draw_teacher(artefact, tmp_path / "with", clip, count=2)
        alone = draw_teacher(artefact, tmp_path / "alone", None, count=2)
    assert [path.name for path in drawn] == [
        f"mine_{kind}_test_01_{t}.png" for t in ("0002", "0006")
    ]
    shown, bare = cv2.imread(str(drawn[0])), cv2.imread(str(alone[0]))
    assert shown.shape[1] > bare.shape[1], "the frame stands beside what was found in it"
    assert (bare.std(axis=2) > 8).mean() > 0.02, "what was found is in colour"


def test_opposite_directions_have_other_colours(tmp_path: Path) -> None:
    pictures = []
    for sign in (1, -1):
        path = tmp_path / f"{sign}.h5"
        with ArtefactWriter(path, "flow", OWNER, 1, settings={"backend": "made"}) as writer:
            writer.append("flow", np.full((1, 48, 64, 2), (3.0 * sign, 0.0)))
        with open_artefact(path) as artefact:
            (drawn,) = draw_teacher(artefact, tmp_path / str(sign), None)
        image = cv2.imread(str(drawn)).astype(int)
        # Right of the wheel, in the left panel.
        pictures.append(image[image.shape[0] // 2, image.shape[1] // 4])
    assert np.abs(pictures[0] - pictures[1]).max() > 100


def test_inspect_draws_with_the_frames_that_the_configuration_names(
    tmp_path: Path, clip: ArrayClip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path / "data"))
    for split, name in (("train", "00"), ("test", "01")):
        folder = tmp_path / "data/mine" / split / name
        folder.mkdir(parents=True)
        for t, frame in enumerate(clip):
            cv2.imwrite(str(folder / f"{t:03d}.png"), frame)
    config = tmp_path / "own.yaml"
    config.write_text(
        "datasets: {mine: {family: folder, path: mine}}\n"
        "flow: {dis: {backend: dis}}\n"
        "objects: {whole: {source: frame}}\n"
        "cubes: {stc: {objects: whole, flow: dis}}\n"
        "methods: {baselines: {cubes: stc}}\n"
    )
    path = write("depth", tmp_path / "a.h5")
    inspect = ["inspect", str(path), "--pictures", str(tmp_path / "pictures"), "--config"]
    assert main([*inspect, str(config)]) == 0
    found = capsys.readouterr()
    assert found.out.count("drawn ") == 6
    assert not found.err
    with_frames = cv2.imread(str(tmp_path / "pictures/mine_depth_test_01_0002.png"))

    assert main([*inspect, str(tmp_path / "none.yaml")]) == 0
    found = capsys.readouterr()
    assert "drawn without frames" in found.err
    without = cv2.imread(str(tmp_path / "pictures/mine_depth_test_01_0002.png"))
    assert with_frames.shape[1] > without.shape[1]


def test_what_is_not_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.h5"
    with ArtefactWriter(path, "flow_colours", OWNER, 1, settings={}) as writer:
        writer.append("colours", np.zeros((1, 4, 4, 3)))
    assert main(["inspect", str(path), "--pictures", str(tmp_path / "p")]) == 1
    assert "depth, objects, cubes, scores and panels" in capsys.readouterr().err
