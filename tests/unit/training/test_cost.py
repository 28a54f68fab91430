import pytest
import torch
from torch import nn

from vadbench.training.cost import count_cost


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_convolutions_and_dense_layers_count_in_every_mode(mode) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(8 * 64, 10, bias=False)
    )

    def work() -> None:
        with mode():
            network(torch.zeros(2, 3, 8, 8))

    (found,) = count_cost(work, frames=4)["networks"]
    by_hand = 3 * 8 * 9 * 64 + 8 * 64 * 10
    assert found["macs_per_input"] == by_hand
    assert found["macs_per_frame"] == by_hand // 2
    assert (found["parameters"], found["inputs_per_frame"]) == (3 * 8 * 9 + 8 * 64 * 10, 0.5)
