"""Flow networks of ptlflow on random weights that the tests save."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.clips import ArrayClip, textured
from vadbench.artefacts import Identity, file_digest, open_artefact
from vadbench.config import load_config
from vadbench.errors import VadbenchError
from vadbench.plan import Plan
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.networks import make_network
from vadbench.teachers.flow.published import CHECKPOINTS
from vadbench.teachers.flow.settings import FlowSettings
from vadbench.weights import WEIGHTS

ptlflow = pytest.importorskip("ptlflow", reason="make install installs it")
OWNER = Identity("made", "train", "01")
HEIGHT, WIDTH = 131, 165  # no multiples of a stride
RAFT = FlowSettings(backend="raft_small")


def write_checkpoint(name: str, path: Path) -> Path:
    """Random weights as a Lightning checkpoint, as ptlflow publishes them."""
    torch.manual_seed(0)
    torch.save(
        {
            "state_dict": make_network(name).state_dict(),
            "hyper_parameters": {"train_size": [368, 496]},
            "pytorch-lightning_version": "2.0.0",
        },
        path,
    )
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint("raft_small", tmp_path_factory.mktemp("weights") / "raft_small.ckpt")


@pytest.fixture(scope="module")
def clip() -> ArrayClip:
    return textured(5, HEIGHT, WIDTH, 3)


def run(
    clip: ArrayClip, path: Path, weights: Path, settings: FlowSettings = RAFT, **options: Any
) -> np.ndarray:
    compute_flow(clip, settings, OWNER, path, weights=weights, inputs=(weights,), **options)
    with open_artefact(path, "flow") as artefact:
        return artefact["flow"][:].astype(np.float32)


def direct(name: str, weights: Path, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """What ptlflow estimates for pairs of BGR frames, one by one, by its own loader."""
    network = ptlflow.get_model(name, ckpt_path=str(weights)).eval()
    flows = []
    for pair in pairs:
        images = torch.from_numpy(np.stack(pair)).permute(0, 3, 1, 2)[None].float() / 255
        with torch.inference_mode():
            flows.append(network({"images": images})["flows"][0, 0].permute(1, 2, 0).numpy())
    return np.stack(flows)


@pytest.mark.parametrize("name", ["raft_small", "pwcnet", "flownets"])
def test_the_artefact_is_what_ptlflow_estimates_of_a_frame_and_the_one_before(
    clip: ArrayClip, tmp_path: Path, name: str
) -> None:
    checkpoint = write_checkpoint(name, tmp_path / f"{name}.ckpt")
    settings = FlowSettings(backend=name)
    found = run(clip, tmp_path / "flow.h5", checkpoint, settings, batch_size=2)
    frames = clip.frames
    pairs = [(frames[0], frames[0]), *pairwise(frames)]
    expected = direct(name, checkpoint, pairs)
    assert found.shape == (5, HEIGHT, WIDTH, 2)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_the_size_of_a_batch_changes_nothing(
    clip: ArrayClip, weights: Path, tmp_path: Path
) -> None:
    one = run(clip, tmp_path / "a.h5", weights, batch_size=1)
    four = run(clip, tmp_path / "b.h5", weights, batch_size=4)
    np.testing.assert_allclose(four, one, rtol=2e-3, atol=2e-3 * np.abs(one).max())


def test_a_network_that_takes_no_batch_gets_pairs_one_by_one(tmp_path: Path) -> None:
    checkpoint = write_checkpoint("liteflownet", tmp_path / "net.ckpt")
    settings = FlowSettings(backend="liteflownet")
    noisy = ArrayClip(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8))
    one = run(noisy, tmp_path / "a.h5", checkpoint, settings, batch_size=1)
    three = run(noisy, tmp_path / "b.h5", checkpoint, settings, batch_size=3)
    np.testing.assert_array_equal(three, one)


def test_grey_frames_are_repeated_and_colour_is_seen(weights: Path, tmp_path: Path) -> None:
    grey = textured(2, HEIGHT, WIDTH, 1)
    repeated = ArrayClip(np.repeat(grey.frames, 3, axis=3))
    tinted = ArrayClip(repeated.frames // np.array([1, 2, 3], np.uint8))
    found = run(grey, tmp_path / "a.h5", weights)
    np.testing.assert_array_equal(found, run(repeated, tmp_path / "b.h5", weights))
    assert np.abs(found - run(tinted, tmp_path / "c.h5", weights)).max() > 0.01


def test_hf2vads_working_size_without_rescaling(
    clip: ArrayClip, weights: Path, tmp_path: Path
) -> None:
    """Frames stretched to the working size, the field resized back, its values as they are."""
    import cv2

    size = (256, 192)
    settings = FlowSettings(backend="raft_small", working_size=size, units="network")
    found = run(clip, tmp_path / "a.h5", weights, settings)
    first, second = (cv2.resize(frame, size) for frame in clip.frames[:2])
    expected = cv2.resize(direct("raft_small", weights, [(first, second)])[0], (WIDTH, HEIGHT))
    np.testing.assert_allclose(found[1], expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())
    scaled = run(
        clip, tmp_path / "b.h5", weights, FlowSettings(**{**settings.plain(), "units": "native"})
    )
    ratio = np.array([WIDTH / size[0], HEIGHT / size[1]])
    np.testing.assert_allclose(scaled, found * ratio, rtol=2e-3, atol=1e-2)


def test_the_artefact_names_the_digest_of_the_weights(
    clip: ArrayClip, weights: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path / "a.h5", weights)
    with open_artefact(tmp_path / "a.h5") as artefact:
        assert artefact.inputs == {weights.as_posix(): file_digest(weights)}
        assert artefact.settings == {
            "backend": "raft_small",
            "units": "native",
            "working_size": None,
        }


def test_plain_state_dicts_load_too(clip: ArrayClip, weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)["state_dict"]
    torch.save(state, tmp_path / "net.pth")
    save_file(state, tmp_path / "net.safetensors")
    expected = run(clip, tmp_path / "a.h5", weights)
    for name in ("net.pth", "net.safetensors"):
        np.testing.assert_array_equal(run(clip, tmp_path / "b.h5", tmp_path / name), expected)


def test_weights_that_do_not_fit_are_refused_by_name(clip: ArrayClip, tmp_path: Path) -> None:
    write_checkpoint("raft", tmp_path / "raft.ckpt")
    (tmp_path / "hostile.ckpt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (tmp_path / "empty.ckpt").write_bytes(b"")
    torch.save([1, 2], tmp_path / "list.ckpt")
    for name in ("raft", "hostile", "empty", "list"):
        with pytest.raises(VadbenchError, match=f"{name}.ckpt: cannot be loaded as weights"):
            run(clip, tmp_path / "a.h5", tmp_path / f"{name}.ckpt")
    assert not (tmp_path / "a.h5").exists()


def test_flow_that_is_no_number_never_becomes_an_artefact(
    clip: ArrayClip, weights: Path, tmp_path: Path
) -> None:
    state = torch.load(weights, weights_only=True)["state_dict"]
    torch.save({name: value * float("nan") for name, value in state.items()}, tmp_path / "nan.pth")
    with pytest.raises(VadbenchError, match=r"nan.pth: .* not finite"):
        run(clip, tmp_path / "a.h5", tmp_path / "nan.pth")
    assert not (tmp_path / "a.h5").exists()


def test_frames_that_are_too_small_for_a_network_end_in_a_message(tmp_path: Path) -> None:
    checkpoint = write_checkpoint("sea_raft_s", tmp_path / "net.ckpt")
    with pytest.raises(VadbenchError, match=r"fails on 2 pairs of 40 x 32 pixels .*working_size"):
        run(
            textured(2, 32, 40, 3),
            tmp_path / "a.h5",
            checkpoint,
            FlowSettings(backend="sea_raft_s"),
            batch_size=2,
        )


def test_without_ptlflow_the_message_says_how_to_install_it(
    clip: ArrayClip, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ptlflow", None)
    with pytest.raises(VadbenchError, match=r"needs ptlflow.*\n.*\[flow\]"):
        run(clip, tmp_path / "a.h5", weights)


def test_published_names_and_weights_are_ptlflows_own() -> None:
    for name, file in CHECKPOINTS.items():
        reference = ptlflow.get_model_reference(name)
        urls = dict(getattr(reference, "pretrained_checkpoints", {})).values()
        assert (WEIGHTS[name].url in urls) if file else not urls, name
    left_out = set(ptlflow.get_model_names()) - set(CHECKPOINTS)
    assert left_out == {
        *("memflow", "memflow_t", "memfof", "starflow", "streamflow"),
        *("videoflow_bof", "videoflow_mof", "waft_dinov3_a2"),
    }


def plan(**flow: Any) -> Plan:
    return Plan(
        load_config(
            {
                "datasets": {"walkway": {"family": "walkway"}},
                "segmentation": {"scene": {"backend": "annotations"}},
                "flow": {"net": flow},
                "objects": {"instances": {"source": "instances", "segmentation": "scene"}},
                "cubes": {"stc": {"objects": "instances", "flow": "net"}},
                "methods": {"baselines": {"cubes": "stc"}},
            }
        )
    )


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"backend": "raft_small"}, "vadbench fetch weights raft_small"),
        (
            {"backend": "flownet2", "ptlflow": {"weights": "mine.ckpt"}},
            "flow.net.ptlflow.weights: mine.ckpt: no such file",
        ),
        ({"backend": "lcv_raft_small"}, "there are no published weights of 'lcv_raft_small'"),
    ],
)
def test_missing_weights_are_named_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: dict[str, Any], message: str
) -> None:
    monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(VadbenchError) as caught:
        plan(**flow).contents("flow", "net", "train", "train01")
    assert message in str(caught.value)


def test_a_wrong_backend_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(VadbenchError) as caught:
        plan(backend="raft_smal")
    assert str(caught.value) == (
        "flow.net.backend: 'raft_smal' is not possible; did you mean 'raft_small'?"
    )


def test_the_plan_passes_the_weights_as_a_file_and_neither_path_nor_batch_as_settings(
    weights: Path,
) -> None:
    own = {"weights": str(weights), "batch_size": 3}
    made = plan(backend="raft_small", ptlflow=own)
    assert made.foreign("flow", "net", "train", "train01") == {"weights": [weights]}
    job = made.flow_params("walkway", "net")
    assert job == plan(backend="raft_small").flow_params("walkway", "net")
    assert job != plan(backend="raft").flow_params("walkway", "net")
    assert made.is_network("flow", "net")
    assert not plan(backend="dis").is_network("flow", "net")


def test_planning_a_network_needs_neither_ptlflow_nor_torch(weights: Path) -> None:
    code = f"""
import sys
sys.modules["ptlflow"] = None
from vadbench.config import load_config
from vadbench.plan import Plan
made = Plan(load_config({{
    "datasets": {{"walkway": {{"family": "walkway"}}}},
    "flow": {{"net": {{"backend": "raft_small", "ptlflow": {{"weights": {str(weights)!r}}}}}}},
    "objects": {{"whole": {{"source": "frame"}}}},
    "cubes": {{"stc": {{"objects": "whole", "flow": "net"}}}},
    "methods": {{"baselines": {{"cubes": "stc"}}}},
}}))
made.contents("flow", "net", "train", "train01")
made.flow_params("walkway", "net")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
