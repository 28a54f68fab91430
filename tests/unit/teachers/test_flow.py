from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.clips import textured
from vadbench.artefacts import Identity, file_digest, open_artefact
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.settings import FlowSettings

CLIP = Identity("made", "train", "01")


def run(path: Path, **settings: object) -> np.ndarray:
    clip = textured(4, 60, 80, 3)
    compute_flow(clip, FlowSettings.model_validate(settings), CLIP, path)
    with open_artefact(path, "flow") as artefact:
        return artefact["flow"][:].astype(np.float32)


@pytest.mark.parametrize("backend", ["farneback", "dis"])
def test_flow_points_from_the_previous_frame_to_this_one(tmp_path: Path, backend: str) -> None:
    flow = run(tmp_path / "a.h5", backend=backend)
    assert flow.shape == (4, 60, 80, 2)
    still = flow[0, 15:-15, 15:-15]
    assert np.abs(still).max() < 0.01, "the first frame has no motion onto itself"
    inner = flow[1:, 15:-15, 15:-15]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1, 2)), [2, 1], rtol=0.25)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (2, 1)),
        ({"units": [160, 240]}, (4, 4)),
        ({"working_size": [160, 120], "units": "native"}, (2, 1)),
        ({"working_size": [160, 120], "units": "network"}, (4, 2)),
        ({"working_size": [160, 120], "units": [80, 120]}, (2, 2)),
    ],
)
def test_working_size_and_units_are_independent(
    tmp_path: Path, settings: dict, expected: tuple[float, float]
) -> None:
    flow = run(tmp_path / "a.h5", **settings)
    middle = np.median(flow[1:, 15:-15, 15:-15], axis=(0, 1, 2))
    np.testing.assert_allclose(middle, expected, rtol=0.25)


def test_native_flow_is_opencvs_own_rounded_to_half(tmp_path: Path) -> None:
    clip = textured(4, 60, 80, 3)
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in clip]
    expected = cv2.calcOpticalFlowFarneback(grey[1], grey[2], None, 0.5, 3, 15, 3, 5, 1.2, 0)
    found = run(tmp_path / "a.h5")[2]
    np.testing.assert_array_equal(found, expected.astype(np.float16).astype(np.float32))


def test_unused_parameters_do_not_change_the_artefact(tmp_path: Path) -> None:
    run(tmp_path / "a.h5")
    run(tmp_path / "b.h5", dis_preset="fast")
    assert file_digest(tmp_path / "a.h5") == file_digest(tmp_path / "b.h5")
