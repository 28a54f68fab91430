"""Mask R-CNN on weights that the tests initialise or train themselves."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.ops import FrozenBatchNorm2d

from tests.clips import textured
from vadbench.artefacts import Identity, open_artefact
from vadbench.config import load_config
from vadbench.datasets.walkway import WalkwaySettings, render_clip
from vadbench.errors import VadbenchError
from vadbench.plan import Plan
from vadbench.teachers.segmentation.maskrcnn import segment_maskrcnn
from vadbench.teachers.segmentation.masks import unpack_mask
from vadbench.teachers.segmentation.settings import MaskRCNNSettings, SegmentationSettings
from vadbench.teachers.segmentation.torchvision_maskrcnn import build, to_input
from vadbench.training.machine import set_up_torch, use_bfloat16

OWN = MaskRCNNSettings(
    model="maskrcnn_mobilenet_v3_large_fpn", min_size=96, max_size=160, score_threshold=0.5
)
SETTINGS = SegmentationSettings(backend="maskrcnn", maskrcnn=OWN)
OWNER = Identity("made", "train", "01")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that takes everything for a person (1) or, less surely, a bicycle (2)."""
    torch.manual_seed(0)
    network = build(OWN)
    with torch.no_grad():
        bias = network.roi_heads.box_predictor.cls_score.bias
        bias[1], bias[2] = 9.0, 8.5
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(network.state_dict(), path)
    return path


def test_the_artefact_is_what_torchvision_finds(weights: Path, tmp_path: Path) -> None:
    clip = textured(3, 48, 72, 1)
    segment_maskrcnn(clip, SETTINGS, weights, OWNER, tmp_path / "s.h5", inputs=(weights,))
    network = build(OWN)
    network.load_state_dict(torch.load(weights, weights_only=True))
    with torch.inference_mode():
        found = network.eval()([to_input(frame) for frame in clip])
    with open_artefact(tmp_path / "s.h5", "segmentation") as made:
        offsets, ends = made["frame_offsets"][:], made["mask_offsets"][:]
        for t, (start, end) in enumerate(pairwise(offsets.tolist())):
            sure = found[t]["scores"] > 0.5
            assert end - start == int(sure.sum()) > 0
            # Stored from the least sure to the surest, which lies in front.
            scores = found[t]["scores"][sure].flip(0).numpy()
            np.testing.assert_allclose(made["scores"][start:end], scores, atol=1e-5)
            boxes = found[t]["boxes"][sure].flip(0).numpy()
            np.testing.assert_allclose(made["boxes"][start:end], boxes, atol=1e-2)
            class_map = np.zeros((48, 72), np.uint8)
            for item in range(start, end):
                bits = made["mask_bits"][ends[item] : ends[item + 1]]
                mask = unpack_mask(bits, made["boxes"][item], 48, 72)
                class_map[mask] = made["classes"][item]
            np.testing.assert_array_equal(made["class_map"][t], class_map)
        assert made.settings["maskrcnn"]["model"] == OWN.model
        assert list(made.inputs) == [weights.as_posix()]


def test_grey_and_colour_frames_go_in_as_rgb() -> None:
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[..., 2] = 255
    assert to_input(frame)[:, 0, 0].tolist() == [1.0, 0.0, 0.0]
    assert to_input(np.full((2, 2, 1), 51, np.uint8))[:, 0, 0].tolist() == pytest.approx([0.2] * 3)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "bad.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for name in ("other.safetensors", "bad.pth"):
        with pytest.raises(VadbenchError, match=f"{name}: cannot be loaded as weights"):
            segment_maskrcnn(
                textured(1, 48, 72, 1), SETTINGS, tmp_path / name, OWNER, tmp_path / "s.h5"
            )
    assert not (tmp_path / "s.h5").exists()


@pytest.mark.parametrize(("threshold", "dropped"), [(0.5, 0.05), (0.01, 0.01)])
def test_the_network_drops_nothing_that_the_threshold_keeps(
    threshold: float, dropped: float
) -> None:
    settings = MaskRCNNSettings(model="maskrcnn_mobilenet_v3_large_fpn", score_threshold=threshold)
    assert build(settings).roi_heads.score_thresh == dropped


@pytest.mark.parametrize(
    ("maskrcnn", "message"),
    [
        ({}, "vadbench fetch weights maskrcnn_resnet50_fpn_v2"),
        ({"weights": "mine.pth"}, "segmentation.coco.maskrcnn.weights: mine.pth: no such file"),
        (
            {"model": "maskrcnn_mobilenet_v3_large_fpn"},
            "there are no published weights of 'maskrcnn_mobilenet_v3_large_fpn'; name a file",
        ),
    ],
)
def test_missing_weights_are_named_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maskrcnn: dict[str, str], message: str
) -> None:
    monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path))
    plan = Plan(
        load_config(
            {
                "datasets": {"walkway": {"family": "walkway"}},
                "segmentation": {"coco": {"backend": "maskrcnn", "maskrcnn": maskrcnn}},
                "flow": {"farneback": {}},
                "objects": {"instances": {"source": "instances", "segmentation": "coco"}},
                "cubes": {"stc": {"objects": "instances", "flow": "farneback"}},
                "methods": {"baselines": {"cubes": "stc"}},
            }
        )
    )
    with pytest.raises(VadbenchError) as caught:
        plan.contents("segmentation", "coco", "train", "train01")
    assert message in str(caught.value)


def overlap(truth: np.ndarray, seen: np.ndarray) -> float:
    return float((truth & seen).sum() / max(1, (truth | seen).sum()))


def thawed(network: torch.nn.Module) -> torch.nn.Module:
    """Makes the normalisation learn: torchvision freezes it, which untrained layers cannot bear."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, FrozenBatchNorm2d):
                setattr(parent, name, torch.nn.BatchNorm2d(len(child.weight), eps=child.eps))
    return network


def settled(network: torch.nn.Module, examples: Sequence["Example"]) -> torch.nn.Module:
    """Measures means and variances over all examples: those of the last few batches are noise."""
    for child in network.modules():
        if isinstance(child, torch.nn.BatchNorm2d):
            child.reset_running_stats()
            child.momentum = None  # the plain mean over batches
    with torch.no_grad():
        for pair in zip(examples[::2], map(mirrored, examples[1::2]), strict=False):
            network(*map(list, zip(*pair, strict=True)))
    return network


Example = tuple[torch.Tensor, dict[str, torch.Tensor]]


def examples_of(scene: Path, frames: Sequence[int]) -> Iterator[Example]:
    """Frames of a rendered clip with what torchvision trains on: boxes, labels and masks."""
    with open_artefact(scene, "scene") as made:
        for t in frames:
            start, end = made["frame_offsets"][t : t + 2]
            boxes, tracks = made["boxes"][start:end], made["track_ids"][start:end]
            masks = made["instance_map"][t][None] == tracks[:, None, None]
            seen = (masks.sum(axis=(1, 2)) > 40) & ((boxes[:, 2:] - boxes[:, :2]).min(1) > 2)
            yield (
                to_input(made["frames"][t]),
                {
                    "boxes": torch.from_numpy(boxes[seen]),
                    "labels": torch.from_numpy(made["classes"][start:end][seen].astype(np.int64)),
                    "masks": torch.from_numpy(masks[seen].astype(np.uint8)),
                },
            )


def mirrored(example: Example) -> Example:
    image, target = example
    boxes = target["boxes"].clone()
    boxes[:, [0, 2]] = image.shape[2] - boxes[:, [2, 0]]
    return image.flip(2), {**target, "boxes": boxes, "masks": target["masks"].flip(2)}


@pytest.mark.slow
def test_a_trained_network_finds_the_people_of_the_scene(tmp_path: Path) -> None:
    """Trains on the first three quarters of four rendered clips; looks at the end of each."""
    scene = WalkwaySettings(frames=60, pedestrians=4)
    clips = [tmp_path / f"train{number:02d}.h5" for number in (3, 6, 10, 16)]  # many people
    for clip in clips:
        render_clip(scene, "walkway", "train", clip.stem, clip)
    set_up_torch(2)
    torch.manual_seed(0)
    own = OWN.model_copy(update={"min_size": 240, "max_size": 360})
    network = thawed(build(own)).train().to(memory_format=torch.channels_last)
    # A scene shows ten objects, not COCO's hundreds: fewer candidates are enough, and much faster.
    network.rpn._post_nms_top_n["training"] = 200
    network.roi_heads.fg_bg_sampler.batch_size_per_image = 48
    examples = [item for clip in clips for item in examples_of(clip, range(0, 45, 2))]
    epochs, batch = 24, 2
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=epochs * len(examples) // batch
    )
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for chosen in rng.permutation(len(examples)).reshape(-1, batch):
            seen = [mirrored(examples[i]) if rng.random() < 0.5 else examples[i] for i in chosen]
            with torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16("auto")):
                losses = network(*map(list, zip(*seen, strict=True)))
            optimizer.zero_grad()
            sum(losses.values()).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
    settled(network, examples)
    frozen = {k: v for k, v in network.state_dict().items() if "num_batches_tracked" not in k}
    torch.save(frozen, tmp_path / "net.pth")
    settings = SETTINGS.model_copy(update={"maskrcnn": own})
    overlaps = [
        value
        for clip in clips
        for value in overlaps_on(clip, range(50, 60, 2), settings, tmp_path / "net.pth")
    ]
    assert len(overlaps) > 100
    assert np.mean(overlaps) > 0.6, np.mean(overlaps)


def overlaps_on(
    scene: Path, frames: Sequence[int], settings: SegmentationSettings, weights: Path
) -> Iterator[float]:
    """Intersection over union of what is seen of each object with what is found of it."""
    found = scene.with_suffix(".found.h5")
    with open_artefact(scene, "scene") as made:
        pictures, maps = made["frames"][:][list(frames)], made["instance_map"][:]
        offsets, tracks = made["frame_offsets"][:], made["track_ids"][:]

    class Clip:
        n_frames, height, width, channels = pictures.shape

        def __iter__(self):
            return iter(pictures)

    segment_maskrcnn(Clip(), settings, weights, OWNER, found, threads=2)
    with open_artefact(found, "segmentation") as made:
        ends, places = made["mask_offsets"][:], made["frame_offsets"][:]
        for place, t in enumerate(frames):
            masks = [
                unpack_mask(
                    made["mask_bits"][ends[i] : ends[i + 1]], made["boxes"][i], *maps.shape[1:]
                )
                for i in range(places[place], places[place + 1])
            ]
            for track in tracks[offsets[t] : offsets[t + 1]]:
                truth = maps[t] == track
                if truth.sum() > 80:
                    yield max((overlap(truth, mask) for mask in masks), default=0.0)
