"""HF2-VAD's three training stages as Lightning modules."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.networks.losses import addressing_entropy, gradient_loss, mean_divergence
from vadbench.training.inputs import flows_of, frames_of
from vadbench.training.settings import StageSettings
from vadbench.training.stage import Stage

__all__ = ["FinetuneStage", "FlowStage", "FrameStage"]


class _Stage(Stage):
    networks: Networks

    def __init__(
        self, networks: Networks, settings: HF2VADSettings, training: StageSettings
    ) -> None:
        super().__init__(networks, training)
        self.settings = settings

    def _flow_loss(self, reconstruction: Tensor, flows: Tensor, addressed: list[Tensor]) -> Tensor:
        """Eq. 3."""
        entropy = torch.stack([addressing_entropy(weights) for weights in addressed]).sum()
        error = F.mse_loss(reconstruction, flows)
        self.log({"flow_error": error, "entropy": entropy})
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
        self.log({"frame_error": error, "gradient": gradient, "divergence": divergence})
        return (
            error
            + self.settings.gradient_weight * gradient
            + self.settings.divergence_weight * divergence
        )


class FlowStage(_Stage):
    """Stage 1: the flow autoencoder on the last flow of each cube."""

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs `flow`."""
        flows = flows_of(batch)[:, -1:]
        reconstruction, addressed = self.networks.reconstruct(flows)
        return self._flow_loss(reconstruction.float(), flows, addressed)


class FrameStage(_Stage):
    """Stage 2: the CVAE; reconstructed flows come with the batch, computed once."""

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs `frames`, `flow` and, if conditioned on them, `reconstructed`."""
        reconstructed = flows_of(batch, "reconstructed") if "reconstructed" in batch else None
        condition = self.networks.condition(flows_of(batch), reconstructed)
        return self._frame_loss(condition, frames_of(batch))


class FinetuneStage(_Stage):
    """Stage 3: everything together."""

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs `frames` and `flow`."""
        flows = flows_of(batch)
        reconstructed, addressed = self.networks.reconstruct(flows)
        loss = self._flow_loss(reconstructed.float(), flows, addressed)
        condition = self.networks.condition(flows, reconstructed)
        return loss + self._frame_loss(condition, frames_of(batch))
