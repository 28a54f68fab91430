"""Optical flow as a colour image: hue is direction, saturation is speed.

The colour wheel of Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV
2011: 55 hues between red, yellow, green, cyan, blue and magenta.
"""

from functools import cache

import torch
from torch import Tensor

__all__ = ["flow_colours"]

_ARCS = (15, 6, 4, 11, 13, 6)
"""Hues from red to yellow, to green, to cyan, to blue, to magenta and back to red."""
_CORNERS = ((1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1))


@cache
def _wheel() -> Tensor:
    """(55, 3) RGB, 0 to 1."""
    arcs = []
    for number, count in enumerate(_ARCS):
        start = torch.tensor(_CORNERS[number], dtype=torch.float32)
        end = torch.tensor(_CORNERS[(number + 1) % len(_CORNERS)], dtype=torch.float32)
        share = torch.arange(count)[:, None] / count
        arcs.append(start + share * (end - start))
    return torch.cat(arcs)


def flow_colours(flow: Tensor, radius: Tensor | float | None) -> Tensor:
    """Codes flow as colours.

    Args:
        flow: (B, 2, H, W), x and y.
        radius: Speed of full saturation, in the flow's unit; faster motion is darker. None takes
            the largest speed of each image, which hides how fast it is.

    Returns:
        (B, 3, H, W) RGB, 0 to 1; no motion is white.
    """
    x, y = flow.float().unbind(dim=1)
    speed = torch.hypot(x, y)
    largest = speed.amax(dim=(1, 2), keepdim=True) if radius is None else radius
    share = speed / (largest + 1e-6)
    wheel = _wheel().to(flow.device)
    place = (torch.atan2(-y, -x) / torch.pi + 1) / 2 * (len(wheel) - 1)
    below = place.floor().long()
    above = (below + 1) % len(wheel)
    between = (place - below)[..., None]
    hue = (1 - between) * wheel[below] + between * wheel[above]
    inside = 1 - share[..., None] * (1 - hue)
    colours = torch.where(share[..., None] <= 1, inside, 0.75 * hue)
    return colours.permute(0, 3, 1, 2)
