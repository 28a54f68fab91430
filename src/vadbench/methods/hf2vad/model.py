"""HF2-VAD's networks put together as a variant says, and how cubes become their input."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from vadbench.methods.hf2vad.networks import CVAE, FlowAutoencoder
from vadbench.methods.hf2vad.settings import HF2VADSettings

__all__ = ["Networks", "flow_errors", "flows_of", "frames_of"]

LAST = torch.channels_last


def flows_of(batch: Mapping[str, Tensor], name: str = "flow") -> Tensor:
    """Returns flows (B, 4, 2, H, W) float32 out of a batch of cubes."""
    return batch[name].permute(0, 1, 4, 2, 3).float()


def frames_of(batch: Mapping[str, Tensor]) -> Tensor:
    """Returns frames (B, 15, H, W), BGR, 0 to 1; grey cubes are repeated over the channels."""
    frames = batch["frames"].permute(0, 1, 4, 2, 3)
    if frames.shape[2] == 1:
        frames = frames.expand(-1, -1, 3, -1, -1)
    return (frames.flatten(1, 2).float() / 255).contiguous(memory_format=LAST)


def flow_errors(reconstructed: Tensor, flows: Tensor) -> Tensor:
    """Returns S_r of each cube, (B,) float64: the squared error summed over its four flows."""
    return (reconstructed - flows).square().flatten(1).sum(dim=1, dtype=torch.float64)


class Networks(torch.nn.Module):
    """The networks of a variant: what its settings say and no more.

    Args:
        settings: Settings of the variant.
        flow: Whether the flow autoencoder takes part.
        frame: Whether the CVAE takes part.
    """

    def __init__(self, settings: HF2VADSettings, *, flow: bool, frame: bool) -> None:
        super().__init__()
        self.settings = settings
        self.flow = (
            FlowAutoencoder(settings.memories, settings.skips, settings.memory_slots)
            if flow
            else None
        )
        self.cvae = CVAE(conditioned=settings.condition != "none") if frame else None
        self.to(memory_format=LAST)

    def load(self, weights: Mapping[str, Path]) -> None:
        """Loads stages in order; a later stage's weights replace an earlier one's."""
        for path in weights.values():
            self.load_state_dict(load_file(path), strict=False)

    def reconstruct(self, flows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Reconstructs each of (B, T, 2, H, W) flows by itself; also the addressing weights."""
        assert self.flow is not None
        flat = flows.flatten(0, 1).contiguous(memory_format=LAST)
        reconstruction, addressed = self.flow(flat)
        return reconstruction.view_as(flows), addressed

    def condition(self, flows: Tensor, reconstructed: Tensor | None) -> Tensor:
        """Returns the (B, 8, H, W) flows that condition the prediction (Table 3)."""
        if reconstructed is not None and self.settings.condition == "reconstructed":
            count = self.settings.reconstructed_flows
            flows = torch.cat([flows[:, :-count], reconstructed[:, -count:]], dim=1)
        return flows.flatten(1, 2).contiguous(memory_format=LAST)
