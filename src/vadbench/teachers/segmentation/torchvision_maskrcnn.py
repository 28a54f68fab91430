"""Mask R-CNN of torchvision, whose classes are COCO's category numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from vadbench.teachers.loading import load_weights

if TYPE_CHECKING:
    from vadbench.teachers.segmentation.settings import MaskRCNNSettings

__all__ = ["build", "predictor", "to_input"]

_CATEGORIES = 91
"""COCO's category numbers end at 90; 0 is the background."""


def build(settings: "MaskRCNNSettings") -> nn.Module:
    """Builds the network, untrained."""
    from torchvision.models import detection

    sizes = {
        "min_size": settings.min_size,
        "max_size": settings.max_size,
        # What is dropped before the threshold is applied: by default what is below 0.05.
        "box_score_thresh": min(0.05, settings.score_threshold),
    }
    if settings.model == "maskrcnn_mobilenet_v3_large_fpn":
        return _small(sizes)
    make = getattr(detection, settings.model)
    made: nn.Module = make(weights=None, weights_backbone=None, num_classes=_CATEGORIES, **sizes)
    return made


def _small(sizes: dict[str, Any]) -> nn.Module:
    """Mask R-CNN for processors: MobileNetV3 below a pyramid of a quarter of the usual width.

    torchvision has this backbone for its Faster R-CNN only, from a sixteenth of the size on. Masks
    of small people need what a ResNet's pyramid has: from a quarter on.
    """
    from torchvision.models import mobilenet_v3_large
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import BackboneWithFPN
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

    width, pooled = 64, 7
    body = mobilenet_v3_large(weights=None, norm_layer=FrozenBatchNorm2d).features
    # The last layers of a quarter, an eighth, a sixteenth and a thirty-second of the size.
    stages = {"3": "0", "6": "1", "12": "2", "16": "3"}
    channels = [24, 40, 112, 960]
    network: nn.Module = MaskRCNN(
        BackboneWithFPN(body, stages, channels, width),
        box_head=TwoMLPHead(width * pooled**2, 512),
        box_predictor=FastRCNNPredictor(512, _CATEGORIES),
        mask_head=MaskRCNNHeads(width, (width,) * 4, 1),
        mask_predictor=MaskRCNNPredictor(width, width, _CATEGORIES),
        **sizes,
    )
    return network


def to_input(frame: npt.NDArray[np.uint8]) -> Tensor:
    """Returns a frame (H, W, 1 or 3) as (3, H, W), RGB, 0 to 1."""
    colour = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(colour.transpose(2, 0, 1))).float() / 255


def predictor(
    settings: "MaskRCNNSettings", weights: Path, place: torch.device
) -> Callable[[Sequence[npt.NDArray[np.uint8]]], list[dict[str, Any]]]:
    """Returns a function from frames to boxes, classes, scores and masks of each.

    Raises:
        VadbenchError: The weights do not fit the network.
    """
    network = build(settings)
    load_weights(network, weights)
    network.eval().to(place)

    def predict(frames: Sequence[npt.NDArray[np.uint8]]) -> list[dict[str, Any]]:
        found = network([to_input(frame).to(place) for frame in frames])
        return [
            {
                "boxes": item["boxes"],
                "classes": item["labels"],
                "scores": item["scores"],
                "masks": item["masks"][:, 0].float() > settings.mask_threshold,
            }
            for item in found
        ]

    return predict
