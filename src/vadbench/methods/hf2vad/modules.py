"""HF2-VAD's three training stages as Lightning modules, and how cubes become network input."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from vadbench.methods.hf2vad.networks import CVAE, FlowAutoencoder
from vadbench.methods.hf2vad.settings import HF2VADSettings, StageSettings
from vadbench.networks.losses import addressing_entropy, gradient_loss, mean_divergence

__all__ = ["FinetuneStage", "FlowStage", "FrameStage", "Networks", "flows_of", "frames_of"]

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


class _Stage(L.LightningModule):
    def __init__(
        self, networks: Networks, settings: HF2VADSettings, training: StageSettings
    ) -> None:
        super().__init__()
        self.networks, self.settings, self.stage = networks, settings, training

    def configure_optimizers(self) -> Any:
        trained = [item for item in self.parameters() if item.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=self.stage.learning_rate, eps=1e-7, foreach=True)
        schedule = torch.optim.lr_scheduler.StepLR(
            optimizer, self.stage.decay_every, self.stage.decay
        )
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _flow_loss(self, reconstruction: Tensor, flows: Tensor, addressed: list[Tensor]) -> Tensor:
        """Eq. 3."""
        entropy = torch.stack([addressing_entropy(weights) for weights in addressed]).sum()
        error = F.mse_loss(reconstruction, flows)
        self.log_dict({"flow_error": error, "entropy": entropy})
        return error + self.settings.entropy_weight * entropy

    def _frame_loss(self, condition: Tensor, frames: Tensor) -> Tensor:
        """Eq. 8."""
        assert self.networks.cvae is not None
        past, target = frames[:, :-3], frames[:, -3:]
        predicted, posterior, prior = self.networks.cvae(past, condition, sample=True)
        predicted = predicted.float()
        error = F.mse_loss(predicted, target)
        gradient = gradient_loss(predicted, target, channel_sum=True, signed=True)
        divergence = torch.stack(
            [mean_divergence(q.float(), p.float()) for q, p in zip(posterior, prior, strict=True)]
        ).sum()
        self.log_dict({"frame_error": error, "gradient": gradient, "divergence": divergence})
        return (
            error
            + self.settings.gradient_weight * gradient
            + self.settings.divergence_weight * divergence
        )


class FlowStage(_Stage):
    """Stage 1: the flow autoencoder on the last flow of each cube."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """One step; needs `flow`."""
        flows = flows_of(batch)[:, -1:]
        reconstruction, addressed = self.networks.reconstruct(flows)
        return self._flow_loss(reconstruction.float(), flows, addressed)


class FrameStage(_Stage):
    """Stage 2: the CVAE; reconstructed flows come with the batch, computed once."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """One step; needs `frames`, `flow` and, if conditioned on them, `reconstructed`."""
        reconstructed = flows_of(batch, "reconstructed") if "reconstructed" in batch else None
        condition = self.networks.condition(flows_of(batch), reconstructed)
        return self._frame_loss(condition, frames_of(batch))


class FinetuneStage(_Stage):
    """Stage 3: everything together."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """One step; needs `frames` and `flow`."""
        flows = flows_of(batch)
        reconstructed, addressed = self.networks.reconstruct(flows)
        loss = self._flow_loss(reconstructed.float(), flows, addressed)
        condition = self.networks.condition(flows, reconstructed)
        return loss + self._frame_loss(condition, frames_of(batch))
