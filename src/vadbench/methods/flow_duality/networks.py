"""Networks of flow_duality: two U-Nets in series (Sec. 3.1 and 3.2)."""

import torch
from torch import Tensor, nn

from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.networks.flow_colours import flow_colours
from vadbench.networks.unet import UNet

__all__ = ["FrameNetwork", "MotionNetwork"]


class MotionNetwork(nn.Module):
    """F_m: a frame to the colour-coded flow into the next frame.

    Attributes:
        radius: Speed of full saturation, kept with the weights.
    """

    radius: Tensor

    def __init__(self, settings: FlowDualitySettings) -> None:
        super().__init__()
        self.fixed = settings.colours == "fixed"
        self.unet = UNet(3, 3, settings.motion_widths).to(memory_format=torch.channels_last)
        self.register_buffer("radius", torch.ones(()))

    def forward(self, frame: Tensor) -> Tensor:
        """(B, 3, H, W), 0 to 1, to (B, 3, H, W) RGB, 0 to 1."""
        flow: Tensor = self.unet(frame)
        return flow

    def colours(self, flow: Tensor) -> Tensor:
        """Codes (B, 2, H, W) flow as (B, 3, H, W) RGB, 0 to 1."""
        return flow_colours(flow, self.radius if self.fixed else None)


class FrameNetwork(nn.Module):
    """F_f: a frame and, if guided, the predicted flow's colours to the next frame."""

    def __init__(self, settings: FlowDualitySettings) -> None:
        super().__init__()
        self.guided = settings.guided
        inputs = 6 if settings.guided else 3
        self.unet = UNet(inputs, 3, settings.frame_widths).to(memory_format=torch.channels_last)

    def forward(self, frame: Tensor, colours: Tensor | None) -> Tensor:
        """(B, 3, H, W) twice, 0 to 1, to (B, 3, H, W), 0 to 1."""
        if self.guided:
            assert colours is not None
            frame = torch.cat([frame, colours], dim=1).contiguous(memory_format=torch.channels_last)
        following: Tensor = self.unet(frame)
        return following
