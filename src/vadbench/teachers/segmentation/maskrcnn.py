"""Instance segmentation by Mask R-CNN (He et al., ICCV 2017), of torchvision or detectron2."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from vadbench.artefacts import Identity
from vadbench.teachers.batches import in_batches
from vadbench.teachers.segmentation.instances import Instances, write_segmentation
from vadbench.training.machine import device, set_up_torch

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.segmentation.settings import MaskRCNNSettings, SegmentationSettings

__all__ = ["segment_maskrcnn"]

Frames = Sequence[npt.NDArray[np.uint8]]
Predict = Callable[[Frames], list[dict[str, Any]]]


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
        VadbenchError: The library is not installed, the weights do not fit the network, or a frame
            cannot be read.
    """
    set_up_torch(threads)
    own, place = settings.maskrcnn, device()
    library = import_module(f"vadbench.teachers.segmentation.{own.library}_maskrcnn")
    predict: Predict = library.predictor(own, weights, place)

    def frames() -> Iterator[Instances]:
        for group in in_batches(clip, batch_size, clip.n_frames):
            with (
                torch.inference_mode(),
                torch.autocast(place.type, torch.float16, enabled=place.type == "cuda"),
            ):
                found = predict(group)
            yield from (_instances(item, own) for item in found)

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
    boxes = found["boxes"].float().cpu().numpy()[order]
    classes, masks = found["classes"].cpu().numpy()[order], found["masks"].cpu().numpy()[order]
    return Instances(boxes, classes, scores[order], masks)
