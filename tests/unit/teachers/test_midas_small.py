"""MiDaS' small network on weights that the tests draw."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.clips import textured
from vadbench.artefacts import Identity, file_digest, open_artefact
from vadbench.config import load_config
from vadbench.errors import VadbenchError
from vadbench.plan import Plan
from vadbench.teachers.depth.dpt import estimate_depth_dpt
from vadbench.teachers.depth.midas_small import MidasSmall, SmallProcessor
from vadbench.teachers.depth.settings import DepthSettings

OWNER = Identity("made", "train", "01")
SETTINGS = DepthSettings(backend="dpt", dpt={"model": "MiDaS_small"})


def save_small(path: Path) -> Path:
    torch.manual_seed(0)
    network = MidasSmall()
    # What is not positive is cut off at the end.
    network.scratch["output_conv"][4].bias.data.fill_(5.0)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("weights") / "small.pt")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_artefact_is_what_the_network_says(
    weights: Path, tmp_path: Path, channels: int
) -> None:
    clip = textured(3, 40, 60, channels)
    path = tmp_path / "d.h5"
    estimate_depth_dpt(clip, SETTINGS, weights, OWNER, path, inputs=[weights], batch_size=2)
    network = MidasSmall().eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    found = []
    for frame in clip:
        rgb = np.repeat(frame, 3, axis=2) if channels == 1 else frame[..., ::-1].copy()
        pixels = SmallProcessor()([rgb])["pixel_values"]
        assert pixels.shape == (1, 3, 160, 256)
        with torch.inference_mode():
            depth = network(pixels)["predicted_depth"]
        found.append(functional.interpolate(depth[None], (40, 60), mode="bicubic")[0, 0].numpy())
    raw = np.stack(found)
    with open_artefact(path, "depth") as made:
        expected = (raw - raw.min()) / np.ptp(raw)
        np.testing.assert_allclose(made["depth"][:], expected, atol=2e-3)
        assert made.settings["dpt"]["model"] == "MiDaS_small"
        assert made.inputs == {weights.as_posix(): file_digest(weights)}
        assert "timm" in made.libraries


def test_parts_have_the_names_of_the_published_weights() -> None:
    state = MidasSmall().state_dict()
    assert len(state) == 482
    for name, shape in {
        "pretrained.layer1.0.weight": (32, 3, 3, 3),
        "pretrained.layer1.1.running_var": (32,),
        "pretrained.layer1.3.0.conv_dw.weight": (32, 1, 3, 3),
        "pretrained.layer4.1.0.conv_pwl.weight": (384, 1392, 1, 1),
        "scratch.layer4_rn.weight": (512, 384, 3, 3),
        "scratch.refinenet4.out_conv.weight": (256, 512, 1, 1),
        "scratch.refinenet1.resConfUnit2.conv2.bias": (64,),
        "scratch.output_conv.4.weight": (1, 32, 1, 1),
    }.items():
        assert state[name].shape == shape, name


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((160, 240), (160, 256)),
        ((480, 856), (128, 256)),
        ((576, 768), (192, 256)),
        ((768, 576), (256, 192)),
        ((32, 2000), (32, 256)),
    ],
)
def test_the_longer_side_becomes_256(size: tuple[int, int], seen: tuple[int, int]) -> None:
    white = np.full((*size, 3), 255, np.uint8)
    pixels = SmallProcessor()([white, white])["pixel_values"]
    assert pixels.shape == (2, 3, *seen)
    normalised = (1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(pixels[0, :, 0, 0], normalised, rtol=1e-5)


def test_other_weights_and_hostile_files_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    (tmp_path / "bad.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for name in ("other.pt", "bad.pt"):
        with pytest.raises(VadbenchError, match=f"{name}: cannot be loaded as weights"):
            estimate_depth_dpt(
                textured(1, 40, 60, 1), SETTINGS, tmp_path / name, OWNER, tmp_path / "d.h5"
            )
    assert not (tmp_path / "d.h5").exists()


def test_a_plan_takes_the_published_file_or_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path))

    def files(**own: str) -> list[Path]:
        config = {
            "datasets": {"walkway": {"family": "walkway"}},
            "depth": {"small": {"backend": "dpt", "dpt": {"model": "MiDaS_small", **own}}},
            "flow": {"farneback": {}},
            "segmentation": {"annotations": {"backend": "annotations"}},
            "views": {"v": {"flow": "farneback", "segmentation": "annotations", "depth": "small"}},
            "methods": {"multitask_attention": {"views": "v"}},
        }
        return Plan(load_config(config)).foreign("depth", "small", "train", "train01")["weights"]

    with pytest.raises(VadbenchError, match="vadbench fetch weights MiDaS_small"):
        files()
    own = save_small(tmp_path / "own.pt")
    assert files(weights=str(own)) == [own]
