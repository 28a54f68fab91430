"""Image translation: U-Nets, targets, losses and maps of the methods that learn what a frame shows.

Both methods of Baradaran and Bergevin (CRV 2022, CVPRW 2023) translate frames to segmentation maps
and to masked flow magnitude, train on the worst patch of an image, and score by a map of errors.
"""

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vadbench.errors import VadbenchError

__all__ = [
    "class_targets",
    "masked_magnitude",
    "max_patch_loss",
    "refine",
    "target_channels",
    "translation_unet",
]


Form = Literal["classes", "colour"]


def target_channels(groups: Mapping[str, Sequence[int]], form: Form) -> int:
    """Returns how many channels `class_targets` has."""
    return len(groups) + 2 if form == "classes" else 3


def class_targets(
    class_map: Tensor, groups: Mapping[str, Sequence[int]], form: Form = "classes"
) -> Tensor:
    """Returns the segmentation map that a network learns, (B, C, H, W) float32, 0 to 1.

    Args:
        class_map: (B, H, W) uint8, COCO category of each pixel, 0 background.
        groups: Categories by group.
        form: `classes`: a channel of 0 and 1 per group, background first, `other` last. `colour`:
            a BGR image, background black, groups and `other` in full colours of equally spaced
            hues.
    """
    table = torch.full((256,), len(groups) + 1, dtype=torch.long, device=class_map.device)
    table[0] = 0
    for number, categories in enumerate(groups.values(), start=1):
        table[list(categories)] = number
    numbers = table[class_map.long()]
    if form == "classes":
        return F.one_hot(numbers, len(groups) + 2).permute(0, 3, 1, 2).float()
    hues = [number / (len(groups) + 1) for number in range(len(groups) + 1)]
    colours = [(0.0, 0.0, 0.0), *(colorsys.hsv_to_rgb(hue, 1, 1)[::-1] for hue in hues)]
    return torch.tensor(colours, device=class_map.device)[numbers].permute(0, 3, 1, 2)


def masked_magnitude(flow: Tensor, class_map: Tensor | None, scale: Tensor | float) -> Tensor:
    """Returns the magnitude of flow on objects, (B, 1, H, W), as a multiple of `scale`.

    Args:
        flow: (B, H, W, 2).
        class_map: (B, H, W), 0 where there is no object; None masks nothing.
        scale: Magnitude that becomes 1.
    """
    magnitude = flow.float().square().sum(dim=-1).sqrt() / scale
    if class_map is not None:
        magnitude = magnitude * (class_map > 0)
    return magnitude[:, None]


def max_patch_loss(error: Tensor, rows: int) -> Tensor:
    """Returns the mean over images of the largest mean error of a patch.

    Args:
        error: (B, C, H, W), squared or absolute differences.
        rows: Patches down and across. Sides that this does not divide are cut as evenly as whole
            pixels allow, larger patches first: 224 into 75, 75, 74.
    """
    patches = [
        patch.mean(dim=(1, 2, 3))
        for strip in torch.tensor_split(error, rows, dim=2)
        for patch in torch.tensor_split(strip, rows, dim=3)
    ]
    return torch.stack(patches).amax(dim=0).mean()


def refine(anomaly_map: Tensor, size: int = 3) -> Tensor:
    """Erodes and dilates maps (B, 1, H, W) once with a square, which removes thin responses."""
    pad = size // 2
    eroded = -F.max_pool2d(-anomaly_map, size, stride=1, padding=pad)
    return F.max_pool2d(eroded, size, stride=1, padding=pad)


def translation_unet(
    encoder: str, inputs: int, outputs: int, weights: Path | None, *, attention: bool = False
) -> nn.Module:
    """Builds a U-Net of segmentation-models-pytorch.

    Args:
        encoder: Name of the encoder, such as `resnet34`.
        inputs: Channels in. Pretrained encoders see three; their first layer is adapted.
        outputs: Channels out; there is no last activation.
        weights: A safetensors file of the encoder; None: it starts from random weights.
        attention: Spatial and channel squeeze and excitation in the decoder.

    Raises:
        VadbenchError: The weights cannot be read or do not fit the encoder.
    """
    import segmentation_models_pytorch as smp
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    unet: nn.Module = smp.Unet(
        encoder,
        encoder_weights=None,
        in_channels=inputs if weights is None else 3,
        classes=outputs,
        decoder_attention_type="scse" if attention else None,
    )
    if weights is not None:
        part: Any = unet.get_submodule("encoder")
        try:
            part.load_state_dict(load_file(weights))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise VadbenchError(
                f"{weights}: cannot be loaded as weights of the encoder {encoder} "
                f"({str(error).splitlines()[0]}); name a safetensors file of that encoder"
            ) from error
        part.set_in_channels(inputs, pretrained=True)
    return unet.to(memory_format=torch.channels_last)
