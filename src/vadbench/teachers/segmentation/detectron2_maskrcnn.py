"""Mask R-CNN of detectron2, by any configuration of its model zoo that is of COCO's categories."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from vadbench.errors import VadbenchError
from vadbench.teachers.loading import load_weights

if TYPE_CHECKING:
    from vadbench.teachers.segmentation.settings import MaskRCNNSettings

__all__ = ["build", "predictor"]

_CLASSES = 80
"""COCO's categories that have instances; detectron2 counts them without gaps."""
_UNSAVED = ("pixel_mean", "pixel_std")
"""Buffers that come from the configuration, and are not in every weights file."""


def build(settings: "MaskRCNNSettings", place: torch.device) -> tuple[Any, str]:
    """Builds the network, untrained, and says which order of colours it reads, RGB or BGR.

    Raises:
        VadbenchError: detectron2 is not installed, or its model zoo has no such network.
    """
    try:
        from detectron2 import model_zoo
        from detectron2.config import CfgNode, instantiate
        from detectron2.modeling import build_model
    except ImportError as error:
        raise VadbenchError(
            f"detectron2 cannot be imported ({error}); it is not on the package index: run the "
            "workflow with --software-deployment-method conda, which takes envs/detectron2.yaml, "
            "or install it into this environment as that file says"
        ) from error
    name = (
        settings.model if "/" in settings.model else f"COCO-InstanceSegmentation/{settings.model}"
    )
    config = None
    for suffix in (".yaml", ".py"):
        try:
            config = model_zoo.get_config(name + suffix)
            break
        except RuntimeError:
            continue
    if config is None:
        raise VadbenchError(
            f"segmentation: detectron2's model zoo has no configuration {name!r}; see its "
            "MODEL_ZOO.md"
        )
    make: Callable[[], Any]
    if isinstance(config, CfgNode):
        heads = config.MODEL.ROI_HEADS
        masks, classes = config.MODEL.MASK_ON, heads.NUM_CLASSES
        heads.SCORE_THRESH_TEST = settings.score_threshold
        config.MODEL.DEVICE = str(place)
        make, colours = lambda: build_model(config), config.INPUT.FORMAT
    else:
        heads = config.model.get("roi_heads", {})
        masks, classes = "mask_head" in heads, heads.get("num_classes")
        heads["box_predictor"]["test_score_thresh"] = settings.score_threshold
        make, colours = lambda: instantiate(config.model).to(place), config.model.input_format
    if not masks or classes != _CLASSES:
        raise VadbenchError(
            f"segmentation: detectron2's {name!r} does not find masks of COCO's {_CLASSES} "
            "categories; take one of COCO-InstanceSegmentation"
        )
    return make().eval(), colours


def predictor(
    settings: "MaskRCNNSettings", weights: Path, place: torch.device
) -> Callable[[Sequence[npt.NDArray[np.uint8]]], list[dict[str, Any]]]:
    """Returns a function from frames to boxes, classes, scores and masks of each.

    Raises:
        VadbenchError: detectron2 is not installed, or the weights do not fit the network.
    """
    network, colours = build(settings, place)
    from detectron2.data import MetadataCatalog
    from detectron2.data.transforms import ResizeShortestEdge
    from detectron2.modeling.postprocessing import detector_postprocess

    load_weights(network, weights, optional=_UNSAVED)
    contiguous = MetadataCatalog.get("coco_2017_train").thing_dataset_id_to_contiguous_id
    categories = torch.tensor(sorted(contiguous, key=contiguous.__getitem__))
    resize = ResizeShortestEdge([settings.min_size] * 2, settings.max_size)

    def picture(frame: npt.NDArray[np.uint8]) -> dict[str, Any]:
        colour = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame
        if colours == "RGB":
            colour = colour[..., ::-1]
        scaled = resize.get_transform(colour).apply_image(np.ascontiguousarray(colour))
        image = torch.as_tensor(scaled.astype(np.float32).transpose(2, 0, 1))
        return {"image": image, "height": frame.shape[0], "width": frame.shape[1]}

    def predict(frames: Sequence[npt.NDArray[np.uint8]]) -> list[dict[str, Any]]:
        pictures = [picture(frame) for frame in frames]
        found = network.inference(pictures, do_postprocess=False)
        # A panoptic network gives instances and, apart from them, the map of what has none.
        instances = found[0] if isinstance(found, tuple) else found
        answers = []
        for item, frame in zip(instances, frames, strict=True):
            height, width = frame.shape[:2]
            seen = detector_postprocess(item, height, width, settings.mask_threshold)
            answers.append(
                {
                    "boxes": seen.pred_boxes.tensor,
                    "classes": categories[seen.pred_classes.cpu()],
                    "scores": seen.scores,
                    "masks": seen.pred_masks,
                }
            )
        return answers

    return predict
