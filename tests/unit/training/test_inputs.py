"""What networks see of stored frames."""

import pytest
import torch
from torchvision.models import ResNet34_Weights, VGG16_Weights
from torchvision.transforms.functional import normalize

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
