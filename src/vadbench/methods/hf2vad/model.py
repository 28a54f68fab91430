"""HF2-VAD's networks put together as a variant says."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from vadbench.methods.hf2vad.networks import CVAE, FlowAutoencoder
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.training.inputs import LAST

__all__ = ["Networks"]


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
