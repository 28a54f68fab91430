"""AMSRC's network (Huang et al., 2022): two encoders, gated fusion, one decoder.

Structure follows Sec. 3 and Figure 2 and, where these are silent, facts of the released code. Not
built: a 1 x 1 convolution of the released fusion module, which its forward pass never uses.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.networks.blocks import conv_block, double_conv

__all__ = ["AMSRCNetwork"]

WIDTHS = (64, 128, 256, 512)
FRAME_CHANNELS, FLOW_CHANNELS = 12, 8


class AMSRCNetwork(nn.Module):
    """Predicts a frame from four frames and four flow fields.

    Args:
        settings: Which streams there are, and how they are fused.
    """

    def __init__(self, settings: AMSRCSettings) -> None:
        super().__init__()
        self.gated = settings.fusion == "gated"
        self.first = double_conv(FRAME_CHANNELS, WIDTHS[0])
        self.downs = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), double_conv(a, b)) for a, b in pairwise(WIDTHS)
        )
        self.motion = (
            nn.Sequential(
                conv_block(FLOW_CHANNELS, WIDTHS[0]),
                *(conv_block(a, b, stride=2) for a, b in pairwise(WIDTHS)),
            )
            if settings.streams == "both"
            else None
        )
        self.ups, self.merges = nn.ModuleList(), nn.ModuleList()
        for a, b in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True):
            self.ups.append(nn.ConvTranspose2d(a, b, 2, stride=2))
            self.merges.append(double_conv(2 * b, b))
        self.last = nn.Conv2d(WIDTHS[0], 3, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, frames: Tensor, flows: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Predicts the target frame.

        Args:
            frames: (B, 12, H, W), past frames, BGR, 0 to 1.
            flows: (B, 8, H, W); not used by the frame stream alone.

        Returns:
            The frame (B, 3, H, W), 0 to 1, and the appearance and motion features
            (B, 512, H/8, W/8), the latter None for the frame stream alone.
        """
        levels = [self.first(frames)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        appearance = levels.pop()
        motion, fused = None, appearance
        if self.motion is not None:
            assert flows is not None
            motion = self.motion(flows)
            gate = torch.sigmoid(appearance) if self.gated else 1.0
            fused = gate * motion + appearance
        for up, merge in zip(self.ups, self.merges, strict=True):
            fused = merge(torch.cat([up(fused), levels.pop()], dim=1))
        return torch.sigmoid(self.last(fused)), appearance, motion
