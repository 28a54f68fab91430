"""Instance segmentation by Mask R-CNN (He et al., ICCV 2017), by torchvision."""

import logging
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vadbench.artefacts import Identity
from vadbench.teachers.loading import load_weights
from vadbench.teachers.segmentation.instances import Instances, write_segmentation
from vadbench.training.machine import device, set_up_torch

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.segmentation.settings import MaskRCNNSettings, SegmentationSettings

__all__ = ["CATEGORIES", "build", "segment_maskrcnn", "to_input"]

log = logging.getLogger(__name__)
CATEGORIES = 91
"""COCO's category numbers end at 90; 0 is the background. A network's classes are these numbers."""


def build(settings: "MaskRCNNSettings") -> nn.Module:
    """Builds the network, untrained."""
    from torchvision.models import detection
    from torchvision.models.detection.backbone_utils import mobilenet_backbone

    sizes = {"min_size": settings.min_size, "max_size": settings.max_size}
    if settings.model == "maskrcnn_mobilenet_v3_large_fpn":
        # torchvision has this backbone for its Faster R-CNN only: five sizes at each of 3 levels.
        backbone = mobilenet_backbone(
            backbone_name="mobilenet_v3_large", weights=None, fpn=True, trainable_layers=6
        )
        anchors = detection.anchor_utils.AnchorGenerator(
            ((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3
        )
        network: nn.Module = detection.MaskRCNN(
            backbone, CATEGORIES, rpn_anchor_generator=anchors, **sizes
        )
        return network
    make = getattr(detection, settings.model)
    made: nn.Module = make(weights=None, weights_backbone=None, num_classes=CATEGORIES, **sizes)
    return made


def to_input(frame: npt.NDArray[np.uint8]) -> Tensor:
    """Returns a frame (H, W, 1 or 3) as (3, H, W), RGB, 0 to 1."""
    colour = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(colour.transpose(2, 0, 1))).float() / 255


def segment_maskrcnn(
    clip: "Clip",
    settings: "SegmentationSettings",
    weights: Path,
    identity: Identity,
    path: Path,
    *,
    batch_size: int = 4,
    threads: int = 1,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the segmentation artefact of a clip.

    Args:
        clip: The frames.
        settings: Network, thresholds and scale.
        weights: The network's weights.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        batch_size: Frames at a time.
        threads: Threads to compute with.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: The weights do not fit the network, or a frame cannot be read.
    """
    set_up_torch(threads)
    own, place = settings.maskrcnn, device()
    network = build(own)
    load_weights(network, weights)
    network.eval().to(place)

    def frames() -> Iterator[Instances]:
        done, told, coming = 0, time.monotonic(), iter(clip)
        while group := list(islice(coming, batch_size)):
            pictures = [to_input(frame).to(place) for frame in group]
            with (
                torch.inference_mode(),
                torch.autocast(place.type, torch.float16, enabled=place.type == "cuda"),
            ):
                found = network(pictures)
            yield from (_instances(item, own) for item in found)
            done += len(group)
            if time.monotonic() - told > 30:
                log.info("%d of %d frames", done, clip.n_frames)
                told = time.monotonic()

    write_segmentation(
        frames(),
        clip.n_frames,
        (clip.height, clip.width),
        settings.effective(),
        identity,
        path,
        inputs=inputs,
        code=code,
    )


def _instances(found: dict[str, Any], settings: "MaskRCNNSettings") -> Instances:
    """Keeps what is sure enough; the surest lies in front where masks overlap."""
    scores = found["scores"].float().cpu().numpy()
    kept = np.flatnonzero(scores > settings.score_threshold)
    order = kept[np.argsort(-scores[kept], kind="stable")[::-1]]
    masks = found["masks"][:, 0].float().cpu().numpy()[order] > settings.mask_threshold
    boxes = found["boxes"].float().cpu().numpy()[order]
    return Instances(boxes, found["labels"].cpu().numpy()[order], scores[order], masks)
