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


def test_a_network_runs_once_for_each_shape_and_counts_every_time() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.runs = nn.Linear(4, 5, bias=False), 0

        def forward(self, x: torch.Tensor, twice: bool) -> dict[str, torch.Tensor]:
            self.runs += 1
            y = self.layer(x)
            return {"y": self.layer(y[:, :4]) if twice else y}

    network, other, rows = Scale(), nn.Linear(4, 5, bias=False), []

    def work() -> None:
        for batch, twice in ((8, False), (8, False), (3, False), (8, True), (8, False)):
            rows.append(len(network(torch.zeros(batch, 4), twice=twice)["y"]))
        other(torch.zeros(8, 4))

    found, second = count_cost(work, frames=35)["networks"]
    assert network.runs == 3
    assert rows == [8, 8, 3, 8, 8]
    assert found["inputs_per_frame"] == 1
    assert found["macs_per_frame"] == round(20 * (8 + 8 + 3 + 16 + 8) / 35)
    assert (second["name"], second["macs_per_input"]) == ("Linear", 20)
    assert len(network(torch.zeros(8, 4), twice=False)["y"]) == 8
    assert network.runs == 4, "calls are no longer counted"
