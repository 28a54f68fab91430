from pathlib import Path

import numpy as np
import pytest
import torch

from tests.views import write_views
from vadbench.artefacts import open_artefact
from vadbench.methods import ClipFrames, ScoreJob, TrainJob, get_method
from vadbench.methods.multitask_attention.branches import Appearance, Motion
from vadbench.methods.multitask_attention.networks import AttentionMap, AttentiveUNet
from vadbench.methods.multitask_attention.score import score_split
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.methods.multitask_attention.train import train_stage
from vadbench.networks.translation import translation_unet
from vadbench.training.settings import StageSettings

TRAINING = StageSettings(epochs=4, batch_size=8, learning_rate=1e-3)
SMALL = MultitaskAttentionSettings(
    appearance_weights="none",
    motion_weights="none",
    class_groups={"person": [1]},
    appearance=TRAINING,
    motion=TRAINING,
)
POSITIONS = ["none", "encoder", "decoder", "skip", "final"]


def size(module: torch.nn.Module) -> int:
    return sum(item.numel() for item in module.parameters())


def test_the_unets_have_the_known_sizes() -> None:
    assert size(translation_unet("vgg16", 3, 1, None)) == 23_748_241
    assert size(translation_unet("vgg16", 3, 1, None, attention=True)) == 23_993_104
    assert size(translation_unet("vgg16_bn", 3, 1, None)) == 23_756_689
    assert size(AttentiveUNet("none", scse=False, weights=None)) == 23_748_241


def test_walking_the_levels_by_hand_is_the_unet_itself() -> None:
    torch.manual_seed(0)
    network = AttentiveUNet("none", scse=False, weights=None).eval()
    frame, flow = torch.rand(2, 3, 64, 96), torch.randn(2, 64, 96, 2)
    with torch.inference_mode():
        torch.testing.assert_close(network(frame, flow, None), network.unet(frame))


@pytest.mark.parametrize("position", POSITIONS[1:])
def test_attention_enters_where_it_is_said_to(position: str) -> None:
    torch.manual_seed(0)
    network = AttentiveUNet(position, scse=False, weights=None).eval()
    plain = AttentiveUNet("none", scse=False, weights=None).eval()
    plain.load_state_dict(network.state_dict(), strict=False)
    frame, flow, depth = torch.rand(1, 3, 64, 64), torch.randn(1, 64, 64, 2), torch.rand(1, 64, 64)
    with torch.inference_mode():
        attended, without = network(frame, flow, depth), plain(frame, flow, None)
        assert not torch.allclose(attended, without)
        # A map of ones changes nothing.
        last = network.map.layers[4]
        last.weight.zero_()
        last.bias.fill_(50.0)
        torch.testing.assert_close(network(frame, flow, depth), without)


def test_the_map_sees_direction_not_speed() -> None:
    torch.manual_seed(0)
    attention = AttentionMap()
    flow, depth = torch.randn(1, 8, 8, 2) + 1, torch.rand(1, 8, 8)
    found = attention(flow, depth)
    assert found.shape == (1, 1, 8, 8)
    torch.testing.assert_close(attention(3 * flow, depth), found)
    # To the left is as to the right.
    torch.testing.assert_close(attention(-flow, depth), found)
    assert not torch.allclose(attention(flow.flip(-1), depth), found)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Appearance, SMALL),
        (Appearance, SMALL.model_copy(update={"future": False})),
        *((Motion, SMALL.model_copy(update={"attention": place})) for place in POSITIONS),
    ],
)
def test_a_step_trains_every_parameter(kind: type, settings: MultitaskAttentionSettings) -> None:
    torch.manual_seed(0)
    branch = kind(settings)
    made = {
        "frames": torch.randint(0, 256, (2, 2, 64, 64, 1)).byte(),
        "class_map": torch.randint(0, 2, (2, 1, 64, 64)).byte(),
        "flow": torch.randn(2, 1, 64, 64, 2),
        "depth": torch.rand(2, 1, 64, 64),
    }
    batch = {name: made[name][:, : len(window)] for name, window in branch.windows.items()}
    branch.error(*branch(batch)).mean().backward()
    for name, item in branch.named_parameters():
        assert item.grad is not None, name


def test_the_next_map_is_predicted_from_two_frames() -> None:
    assert Appearance(SMALL).windows == {"frames": (-1, 0), "class_map": (1,)}
    assert Motion(SMALL).windows["depth"] == (0,)
    assert "depth" not in Motion(SMALL.model_copy(update={"attention": "none"})).windows


def test_both_branches_train_and_every_frame_is_scored(tmp_path: Path) -> None:
    views = write_views(tmp_path, [8, 8])
    for stage in ("appearance", "motion"):
        train_stage(
            TrainJob(
                dataset="made", method="multitask_attention", variant="full", stage=stage,
                settings=SMALL, seed=0, weights={}, cubes=[], views=views,
                output=tmp_path / f"{stage}.safetensors", work=tmp_path / stage, precision="32",
            )
        )  # fmt: skip
    score_split(
        ScoreJob(
            dataset="made", method="multitask_attention", variant="full", split="train",
            settings=SMALL, seed=0,
            weights={n: tmp_path / f"{n}.safetensors" for n in ("appearance", "motion")},
            clips=[ClipFrames(p.stem, 8, lambda: pytest.fail("reads views")) for p in views],
            cubes=[], views=views, output=tmp_path / "scores.h5", precision="32",
        )
    )  # fmt: skip
    with open_artefact(tmp_path / "scores.h5", "scores") as scores:
        appearance, motion = scores["frame/appearance"][:], scores["frame/motion"][:]
    assert len(appearance) == len(motion) == 16
    # The map of the third frame is the first that is predicted; flow begins with the second.
    assert appearance[8] == appearance[9] == appearance[10] != appearance[11]
    assert motion[8] == motion[9] != motion[10]
    assert np.isfinite(appearance).all()


def test_variants_use_the_branches_that_they_share() -> None:
    method = get_method("multitask_attention")
    for name, variant in method.variants.items():
        for stage, owner in variant.stages.items():
            ours = method.stage_settings(method.settings("ped2", name, "paper"), stage)
            theirs = method.stage_settings(method.settings("ped2", owner, "paper"), stage)
            assert ours == theirs, (name, stage)
