"""AMSRC's training stage."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vadbench.methods.amsrc.networks import AMSRCNetwork
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.networks.losses import gradient_loss
from vadbench.training.inputs import LAST, flows_of, frames_of
from vadbench.training.stage import Stage

__all__ = ["PredictStage", "inconsistency", "predict"]


def inconsistency(appearance: Tensor, motion: Tensor) -> Tensor:
    """Returns S_f of Eq. 3, (B,): one minus the cosine of the flattened features."""
    return 1 - F.cosine_similarity(appearance.flatten(1).float(), motion.flatten(1).float())


def predict(
    network: AMSRCNetwork, batch: dict[str, Tensor]
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Predicts the target frames of a batch of cubes.

    Returns:
        Prediction and target, (B, 3, H, W), and the inconsistency, (B,) or None.
    """
    frames, flows = frames_of(batch), None
    if network.motion is not None:
        flows = flows_of(batch).flatten(1, 2).contiguous(memory_format=LAST)
    predicted, appearance, motion = network(frames[:, :-3], flows)
    found = None if motion is None else inconsistency(appearance, motion)
    return predicted.float(), frames[:, -3:], found


class PredictStage(Stage):
    """Frame prediction with consistent features (Eq. 4)."""

    networks: AMSRCNetwork

    def __init__(self, settings: AMSRCSettings) -> None:
        super().__init__(AMSRCNetwork(settings), settings.predict)
        self.settings = settings

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs `frames` and, with both streams, `flow`."""
        predicted, target, inconsistent = predict(self.networks, batch)
        error, gradient = F.mse_loss(predicted, target), gradient_loss(predicted, target)
        losses = {"frame_error": error, "gradient": gradient}
        loss = error + self.settings.gradient_weight * gradient
        if inconsistent is not None:
            losses["inconsistency"] = inconsistent.mean()
            loss = loss + self.settings.consistency_weight * losses["inconsistency"]
        if self.settings.l2_weight:
            losses["l2"] = torch.stack([item.square().sum() for item in self.parameters()]).sum()
            loss = loss + self.settings.l2_weight * losses["l2"]
        self.log(losses)
        return loss
