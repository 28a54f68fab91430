from pathlib import Path

import numpy as np
import pytest

from tests.clips import ArrayClip
from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.datasets.walkway import WalkwaySettings, render_clip
from vadbench.errors import VadbenchError
from vadbench.objects.settings import ViewsSettings
from vadbench.objects.views import make_views
from vadbench.teachers.depth import estimate_depth
from vadbench.teachers.depth.settings import DepthSettings

CLIP = Identity("made", "train", "train01")


def test_depth_of_a_plane_grows_from_the_horizon_down(tmp_path: Path) -> None:
    clip = ArrayClip(np.zeros((3, 10, 4, 1), np.uint8))
    settings = DepthSettings(backend="plane", horizon=0.2)
    estimate_depth(clip, None, settings, CLIP, tmp_path / "depth.h5")
    with open_artefact(tmp_path / "depth.h5", "depth") as artefact:
        depth = artefact["depth"][:]
    assert depth.shape == (3, 10, 4)
    assert (depth[0] == depth[2]).all()
    assert (depth[0, :2] == 0).all()
    rows = depth[0, 2:, 0].astype(np.float64)
    np.testing.assert_allclose(np.diff(rows), 1 / 8, atol=1e-3)
    assert rows[-1] == pytest.approx(1 - 1 / 16, abs=1e-3)


def test_annotated_depth_is_inverse_distance_from_0_to_1(tmp_path: Path) -> None:
    settings = WalkwaySettings(frames=20, height=64, width=96)
    render_clip(settings, "walkway", "train", "train01", tmp_path / "scene.h5")
    clip = ArrayClip(np.zeros((20, 64, 96, 1), np.uint8))
    with open_artefact(tmp_path / "scene.h5", "scene") as scene:
        estimate_depth(
            clip, scene, DepthSettings(backend="annotations"), CLIP, tmp_path / "depth.h5"
        )
        distance = scene["depth"][:].astype(np.float64)
    with open_artefact(tmp_path / "depth.h5", "depth") as artefact:
        depth = artefact["depth"][:].astype(np.float64)
    assert depth.min() == pytest.approx(0, abs=1e-3)
    assert depth.max() == pytest.approx(1, abs=1e-3)
    order = np.argsort(distance.ravel())
    assert (np.diff(depth.ravel()[order]) <= 1e-3).all()


def test_a_data_set_without_depth_says_so(tmp_path: Path) -> None:
    clip = ArrayClip(np.zeros((3, 10, 4, 1), np.uint8))
    with pytest.raises(VadbenchError, match="made: ships no depth"):
        estimate_depth(clip, None, DepthSettings(backend="annotations"), CLIP, tmp_path / "d.h5")


def test_views_hold_what_belongs_to_a_frame_at_one_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = np.repeat(np.repeat(rng.integers(0, 256, (4, 8, 8, 3)), 4, axis=1), 4, axis=2)
    clip = ArrayClip(frames.astype(np.uint8))
    estimate_depth(clip, None, DepthSettings(backend="plane"), CLIP, tmp_path / "depth.h5")
    with ArtefactWriter(tmp_path / "flow.h5", "flow", CLIP, 4, settings={}) as writer:
        writer.put("flow", np.tile(np.array([3.0, -1.0]), (4, 32, 32, 1)))
    settings = ViewsSettings(size=16, flow="f", depth="d")
    with (
        open_artefact(tmp_path / "flow.h5") as flow,
        open_artefact(tmp_path / "depth.h5") as depth,
    ):
        make_views(clip, flow, None, depth, settings, CLIP, tmp_path / "views.h5")
    with open_artefact(tmp_path / "views.h5", "views") as views:
        # Each block of 4 x 4 equal pixels becomes 2 x 2, the flow keeps its unit.
        np.testing.assert_array_equal(views["frames"][:], clip.frames[:, ::2, ::2])
        assert (views["flow"][:] == np.array([3.0, -1.0], np.float16)).all()
        assert views["depth"].shape == (4, 16, 16)
        assert "class_map" not in views


def test_flow_of_another_clip_is_refused(tmp_path: Path) -> None:
    with ArtefactWriter(tmp_path / "flow.h5", "flow", CLIP, 3, settings={}) as writer:
        writer.put("flow", np.zeros((3, 8, 8, 2)))
    clip = ArrayClip(np.zeros((4, 8, 8, 1), np.uint8))
    with open_artefact(tmp_path / "flow.h5") as flow:
        with pytest.raises(VadbenchError, match="covers 3 frames, but clip train01 has 4"):
            make_views(clip, flow, None, None, ViewsSettings(size=16), CLIP, tmp_path / "v.h5")
