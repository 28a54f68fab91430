"""Segmentation out of the instance annotations that a rendered data set ships."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from vadbench.artefacts import Artefact, ArtefactWriter, Identity
from vadbench.teachers.segmentation.masks import pack_mask

__all__ = ["segment_annotations"]


def segment_annotations(
    scene: Artefact,
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the segmentation artefact of a rendered clip: visible instances, score 1.

    Args:
        scene: The rendered clip.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.
    """
    boxes, classes = scene["boxes"][:], scene["classes"][:]
    tracks, offsets = scene["track_ids"][:], scene["frame_offsets"][:]
    maps = scene["instance_map"]
    with ArtefactWriter(
        path,
        "segmentation",
        identity,
        scene.n_frames,
        settings={"backend": "annotations"},
        inputs=inputs,
        code=code,
    ) as writer:
        writer.put("frame_offsets", offsets)
        writer.put("boxes", boxes)
        writer.put("classes", classes)
        writer.put("scores", np.ones(len(boxes)))
        writer.put("track_ids", tracks)
        sizes = [0]
        for t, (start, end) in enumerate(pairwise(offsets.tolist())):
            instance_map = maps[t]
            class_map = np.zeros(instance_map.shape, np.uint8)
            for item in range(start, end):
                mask = instance_map == tracks[item]
                class_map[mask] = classes[item]
                bits = pack_mask(mask, boxes[item])
                sizes.append(len(bits))
                writer.append("mask_bits", bits)
            writer.append("class_map", class_map[None])
        writer.append("mask_bits", np.zeros(0, np.uint8))
        writer.put("mask_offsets", np.cumsum(sizes))
