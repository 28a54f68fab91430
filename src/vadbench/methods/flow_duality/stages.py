"""flow_duality's two training stages."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from vadbench.methods.flow_duality.networks import FrameNetwork, MotionNetwork
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.networks.losses import root_mean_square
from vadbench.training.inputs import frames_of
from vadbench.training.stage import Stage

__all__ = ["FrameStage", "MotionStage", "predict_frames"]


class MotionStage(Stage):
    """Stage 1: the motion network, mean absolute error of the colours (Eq. 1)."""

    networks: MotionNetwork

    def __init__(self, settings: FlowDualitySettings, radius: float) -> None:
        network = MotionNetwork(settings)
        network.radius.fill_(radius)
        super().__init__(network, settings.motion)

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs `frames` at t and `flow` at t+1."""
        target = self.networks.colours(batch["flow"][:, 0].permute(0, 3, 1, 2))
        loss = F.l1_loss(self.networks(frames_of(batch)).float(), target)
        self.log({"flow_error": loss})
        return loss


def predict_frames(
    network: FrameNetwork, batch: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Predicts the frames at t+1.

    Args:
        network: The frame network.
        batch: `frames` at t and t+1 and, if guided, `colours`, (B, H, W, 3) uint8.

    Returns:
        Frame, next frame and its prediction, (B, 3, H, W), 0 to 1.
    """
    frames = frames_of(batch)
    now, following = frames[:, :3], frames[:, 3:]
    colours = None
    if network.guided:
        colours = batch["colours"].permute(0, 3, 1, 2).float() / 255
    return now, following, network(now, colours).float()


class FrameStage(Stage):
    """Stage 2: the frame network, Euclidean distance and margin (Eq. 3 to 5)."""

    networks: FrameNetwork

    def __init__(self, settings: FlowDualitySettings) -> None:
        super().__init__(FrameNetwork(settings), settings.frame)
        self.settings = settings

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """One step; needs what `predict_frames` needs."""
        now, following, predicted = predict_frames(self.networks, batch)
        error = root_mean_square(following - predicted)
        losses = {"frame_error": error.mean()}
        loss = losses["frame_error"]
        if self.settings.margin_weight:
            apart = root_mean_square(now - predicted)
            losses["margin"] = torch.relu(error - apart + self.settings.margin).mean()
            loss = loss + self.settings.margin_weight * losses["margin"]
        self.log(losses)
        return loss
