"""Depth networks on small ones that the tests initialise and save as a user's own folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTForSemanticSegmentation,
    DPTImageProcessor,
    ViTConfig,
    ViTModel,
)

from tests.clips import ArrayClip, textured
from vadbench.artefacts import Identity, file_digest, open_artefact
from vadbench.errors import VadbenchError
from vadbench.plain import PlainSettings
from vadbench.teachers.depth.dpt import estimate_depth_dpt, load, median_frame
from vadbench.teachers.depth.settings import DepthSettings

OWNER = Identity("made", "train", "01")
FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
DPT = DPTConfig(
    hidden_size=32,
    num_hidden_layers=4,
    num_attention_heads=2,
    intermediate_size=48,
    image_size=64,
    patch_size=16,
    backbone_out_indices=[0, 1, 2, 3],
    neck_hidden_sizes=[8, 16, 24, 32],
    fusion_hidden_size=16,
    is_hybrid=False,
)


def save(model: torch.nn.Module, folder: Path, side: int = 64, divisor: int = 1) -> Path:
    model.save_pretrained(folder)
    DPTImageProcessor(
        size={"height": side, "width": side}, ensure_multiple_of=divisor
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save(DPTForDepthEstimation(DPT), tmp_path_factory.mktemp("weights") / "dpt")


def settings(frames: str | int = "all") -> PlainSettings:
    """As a job sees them."""
    return PlainSettings(DepthSettings(backend="dpt", dpt={"frames": frames}).effective())


def depth_of(
    clip: ArrayClip, folder: Path, path: Path, frames: str | int = "all", **about: object
) -> np.ndarray:
    estimate_depth_dpt(clip, settings(frames), folder, OWNER, path, **about)
    with open_artefact(path, "depth") as made:
        assert made["depth"].dtype == np.float16
        return made["depth"][:].astype(np.float64)


def expected(clip: ArrayClip, folder: Path) -> np.ndarray:
    """What transformers itself says of each frame by itself, over the whole clip from 0 to 1."""
    processor = DPTImageProcessor.from_pretrained(folder)
    model = DPTForDepthEstimation.from_pretrained(folder).eval()
    found = []
    for frame in clip:
        rgb = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[..., ::-1].copy()
        with torch.inference_mode():
            out = model(**processor(images=rgb, return_tensors="pt"))
        size = [frame.shape[:2]]
        item = processor.post_process_depth_estimation(out, target_sizes=size)[0]
        found.append(item["predicted_depth"].double().numpy())
    raw = np.stack(found)
    return (raw - raw.min()) / np.ptp(raw)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_artefact_is_what_transformers_says(
    folder: Path, tmp_path: Path, channels: int
) -> None:
    clip = textured(5, 40, 60, channels)
    inputs = [folder / name for name in FILES]
    found = depth_of(clip, folder, tmp_path / "d.h5", inputs=inputs, batch_size=2)
    assert found.shape == (5, 40, 60)
    assert (found.min(), found.max()) == (0, 1)
    np.testing.assert_allclose(found, expected(clip, folder), atol=2e-3)
    with open_artefact(tmp_path / "d.h5") as made:
        assert made.inputs == {item.as_posix(): file_digest(item) for item in inputs}
        assert made.settings == {
            "backend": "dpt",
            "dpt": {"frames": "all", "model": "Intel/dpt-hybrid-midas"},
        }
        assert "transformers" in made.libraries


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_batch_size_does_not_matter(folder: Path, tmp_path: Path, batch_size: int) -> None:
    clip = textured(7, 40, 60, 3)
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    found = depth_of(clip, folder, one, batch_size=batch_size)
    np.testing.assert_allclose(found, depth_of(clip, folder, other, batch_size=4), atol=1e-3)


def test_a_preprocessor_of_another_network_is_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    own = save(DPTForDepthEstimation(DPT), tmp_path / "own", side=8)
    with pytest.raises(VadbenchError, match=r"own: the network fails on 2 images of 8 x 8 pixels"):
        depth_of(textured(2, 40, 60, 3), own, tmp_path / "d.h5")
    assert not (tmp_path / "d.h5").exists()


def test_every_nth_frame_is_held_until_the_next(folder: Path, tmp_path: Path) -> None:
    clip = textured(8, 40, 60, 3)
    found = depth_of(clip, folder, tmp_path / "d.h5", 3)
    for t in range(8):
        assert (found[t] == found[t - t % 3]).all()
    seen = ArrayClip(clip.frames[::3])
    np.testing.assert_allclose(found[::3], expected(seen, folder), atol=2e-3)
    whole = depth_of(clip, folder, tmp_path / "long.h5", 100)
    assert (whole == whole[0]).all()


def test_the_median_frame_stands_for_the_clip(folder: Path, tmp_path: Path) -> None:
    clip = textured(6, 40, 60, 3)
    found = depth_of(clip, folder, tmp_path / "d.h5", "median")
    assert (found == found[0]).all()
    still = ArrayClip(median_frame(clip)[None])
    np.testing.assert_allclose(found[:1], expected(still, folder), atol=2e-3)


@pytest.mark.parametrize("count", [1, 2, 30, 250])
def test_the_median_frame_is_the_scene_without_what_moves(count: int) -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 200, (8, 40, 1), dtype=np.uint8)
    frames = np.repeat(scene[None], count, axis=0)
    if count > 2:
        for t in range(count):
            frames[t, :, (t * 40 // count) : (t * 40 // count) + 4] = 255
    assert (median_frame(ArrayClip(frames)) == scene).all()


def test_depth_that_is_the_same_everywhere_is_0(folder: Path, tmp_path: Path) -> None:
    _, network = load(folder)
    with torch.no_grad():
        network.head.head[-2].weight.zero_()
    flat = save(network, tmp_path / "flat")
    assert (depth_of(textured(2, 40, 60, 1), flat, tmp_path / "d.h5") == 0).all()


def test_depth_that_is_not_finite_is_refused(folder: Path, tmp_path: Path) -> None:
    _, network = load(folder)
    with torch.no_grad():
        network.head.head[-2].bias.fill_(torch.inf)
    broken = save(network, tmp_path / "broken")
    with pytest.raises(VadbenchError, match="made, train, 01, frame 0 is not finite"):
        depth_of(textured(2, 40, 60, 1), broken, tmp_path / "d.h5")
    assert not list(tmp_path.glob("*d.h5*"))


def test_depth_anything_is_taken_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        neck_hidden_sizes=[8, 16, 24, 32],
        fusion_hidden_size=16,
        head_hidden_size=8,
        reassemble_hidden_size=32,
    )
    own = save(DepthAnythingForDepthEstimation(config), tmp_path / "own", 56, 14)
    found = depth_of(textured(2, 40, 60, 3), own, tmp_path / "d.h5")
    assert (found.min(), found.max()) == (0, 1)


def test_the_layer_that_midas_lacks_is_never_applied(folder: Path, tmp_path: Path) -> None:
    """Intel's files have no first residual layer; transformers draws its weights at random."""
    _, network = load(folder)
    with torch.no_grad():
        for values in network.neck.fusion_stage.layers[0].residual_layer1.parameters():
            values.fill_(torch.nan)
    clip = textured(2, 40, 60, 3)
    other = save(network, tmp_path / "other")
    np.testing.assert_array_equal(
        depth_of(clip, other, tmp_path / "a.h5"), depth_of(clip, folder, tmp_path / "b.h5")
    )


def without(name: str) -> Callable[[Path], None]:
    return lambda own: (own / name).unlink()


def pickled(own: Path) -> None:
    torch.save({}, own / "pytorch_model.bin")
    (own / "model.safetensors").unlink()


def truncated(own: Path) -> None:
    path = own / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def of_another_task(own: Path) -> None:
    save(DPTForSemanticSegmentation(DPT), own)


def of_another_family(own: Path) -> None:
    ViTModel(ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(
        own
    )


def of_another_size(own: Path) -> None:
    config = json.loads((own / "config.json").read_text())
    config["fusion_hidden_size"] = 24
    (own / "config.json").write_text(json.dumps(config))


def metric(own: Path) -> None:
    (own / "config.json").write_text(
        json.dumps({"model_type": "depth_anything", "depth_estimation_type": "metric"})
    )


def of_distances(own: Path) -> None:
    (own / "config.json").write_text(json.dumps({"model_type": "zoedepth"}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("model.safetensors"), r"model\.safetensors: not a whole safetensors file"),
        (without("config.json"), r"config\.json: cannot be read"),
        (without("preprocessor_config.json"), r"own: transformers cannot load it"),
        (pickled, r"model\.safetensors: not a whole safetensors file .*save the model as safe"),
        (truncated, r"model\.safetensors: not a whole safetensors file"),
        (of_another_task, r"model\.safetensors: does not hold the depth network .* missing"),
        (of_another_family, r"config\.json: describes a network of the kind 'vit'; only .* relat"),
        (of_another_size, r"model\.safetensors: does not hold the depth network"),
        (metric, r"'depth_anything' for metric depth; only networks for relative inverse depth"),
        (of_distances, r"'zoedepth'; only networks for relative inverse depth"),
    ],
)
def test_a_folder_without_such_a_network_says_so(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    torch.manual_seed(0)
    own = save(DPTForDepthEstimation(DPT), tmp_path / "own")
    spoil(own)
    with pytest.raises(VadbenchError, match=message):
        estimate_depth_dpt(textured(1, 40, 60, 1), settings(), own, OWNER, tmp_path / "d.h5")
    assert not list(tmp_path.glob("*d.h5*"))
