import pytest
import torch
from torch import nn

from vadbench.methods.hf2vad.networks import FlowAutoencoder
from vadbench.networks.blocks import conv_block
from vadbench.networks.folding import fold_batch_norms
from vadbench.networks.unet import UNet


def trained(network: nn.Module) -> nn.Module:
    """Statistics, scales and shifts as after training, which initial ones would not show."""
    draw = torch.Generator().manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(generator=draw)
            part.running_var.uniform_(0.5, 2.0, generator=draw)
            nn.init.uniform_(part.weight, 0.5, 2.0, generator=draw)
            nn.init.normal_(part.bias, generator=draw)
    return network


@pytest.mark.parametrize(
    ("network", "channels", "left"),
    [
        (lambda: conv_block(3, 4, stride=2), 3, 0),
        (lambda: FlowAutoencoder(slots=20), 2, 0),
        # The multi-scale block's norm follows four convolutions side by side.
        (lambda: UNet(3, 2, (8, 8, 16)), 3, 1),
    ],
)
def test_a_folded_network_computes_the_same(network, channels: int, left: int) -> None:
    torch.manual_seed(0)
    made = trained(network()).eval()
    images = torch.randn(2, channels, 32, 32)

    def outcome() -> torch.Tensor:
        with torch.inference_mode():
            result = made(images)
        return result[0] if isinstance(result, tuple) else result

    before = outcome()
    fold_batch_norms(made)
    torch.testing.assert_close(outcome(), before, rtol=1e-4, atol=1e-4)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in made.modules()) == left
