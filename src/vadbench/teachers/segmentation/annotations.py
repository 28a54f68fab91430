"""Segmentation out of the instance annotations that a rendered data set ships."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from vadbench.artefacts import Artefact, Identity
from vadbench.teachers.segmentation.instances import Instances, write_segmentation

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
    tracks, maps = scene["track_ids"][:], scene["instance_map"]

    def frames() -> Iterator[Instances]:
        for t, (start, end) in enumerate(pairwise(scene["frame_offsets"][:].tolist())):
            own = tracks[start:end]
            # An instance map tells what is visible: nothing covers anything any more.
            masks = maps[t][None] == own[:, None, None]
            ones = np.ones(end - start)
            yield Instances(boxes[start:end], classes[start:end], ones, masks, own)

    write_segmentation(
        frames(),
        scene.n_frames,
        maps.shape[1:],
        {"backend": "annotations"},
        identity,
        path,
        inputs=inputs,
        code=code,
    )
