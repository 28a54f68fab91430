"""What networks see of stored frames."""

import pytest
import torch
from torchvision.models import ResNet34_Weights, VGG16_Weights
from torchvision.transforms.functional import normalize

from vadbench.methods import get_method
from vadbench.methods.multitask_attention import branches as multitask
from vadbench.methods.object_class_aware import branches as class_aware
from vadbench.training.branches import Branch
from vadbench.training.inputs import encoder_frames_of, frames_of


@pytest.mark.parametrize("weights", [ResNet34_Weights.IMAGENET1K_V1, VGG16_Weights.IMAGENET1K_V1])
@pytest.mark.parametrize("channels", [1, 3])
def test_encoders_see_what_they_were_pretrained_on(
    weights: ResNet34_Weights | VGG16_Weights, channels: int
) -> None:
    stored = torch.randint(0, 256, (2, 2, 4, 6, channels), dtype=torch.uint8)
    published = weights.transforms()
    rgb = stored.expand(-1, -1, -1, -1, 3).flip(-1).permute(0, 1, 4, 2, 3).float() / 255
    expected = normalize(rgb, published.mean, published.std).flatten(1, 2)
    torch.testing.assert_close(encoder_frames_of({"frames": stored}), expected)


def test_grey_frames_are_repeated() -> None:
    stored = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3, 1)
    frames = frames_of({"frames": stored})
    assert frames.shape == (1, 3, 1, 3)
    torch.testing.assert_close(frames[0, :, 0], torch.tensor([[0.0, 0.2, 1.0]] * 3))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("object_class_aware", class_aware.Appearance),
        ("object_class_aware", class_aware.Motion),
        ("multitask_attention", multitask.Appearance),
        ("multitask_attention", multitask.Motion),
    ],
)
def test_branches_without_pretraining_see_the_same(name: str, kind: type[Branch]) -> None:
    settings = get_method(name).settings_model.model_validate({})
    branch = kind(settings, None)
    seen: list[torch.Tensor] = []
    encoder = next(
        module for path, module in branch.named_modules() if path.endswith("unet.encoder")
    )
    first = next(module for module in encoder.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    made = {
        "frames": torch.randint(0, 256, (2, 2, 64, 64, 3), dtype=torch.uint8),
        "class_map": torch.randint(0, 2, (2, 1, 64, 64), dtype=torch.uint8),
        "flow": torch.randn(2, 1, 64, 64, 2),
        "depth": torch.rand(2, 1, 64, 64),
    }
    batch = {key: made[key][:, : len(window)] for key, window in branch.windows.items()}
    branch(batch)
    torch.testing.assert_close(seen[0], encoder_frames_of(batch))
