"""Views: whole frames of a clip, and what belongs to each, at the size that a method reads.

The methods that learn from whole frames resize them to a square (224 or 256 pixels). A view is
resized once and read in every epoch, without decoding a frame again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vadbench.artefacts import Artefact, ArtefactWriter, Identity
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.objects.settings import ViewsSettings

__all__ = ["make_views"]


def make_views(
    clip: "Clip",
    flow: Artefact | None,
    segmentation: Artefact | None,
    depth: Artefact | None,
    settings: "ViewsSettings",
    identity: Identity,
    path: Path,
    *,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the views of a clip, a frame at a time.

    Frames are averaged over areas where they shrink, flow (whose vectors stay in their units) and
    depth are interpolated, class maps take the nearest pixel.

    Args:
        clip: Frames of the clip.
        flow: The clip's flow artefact, if its flow is wanted.
        segmentation: The clip's segmentation artefact, if its class map is wanted.
        depth: The clip's depth artefact, if its depth is wanted.
        settings: The size.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: An artefact does not cover the same clip.
    """
    import cv2
    import numpy as np

    from vadbench.half import to_half, to_single

    cv2.setNumThreads(1)
    size = (settings.size, settings.size)
    for artefact in (flow, segmentation, depth):
        if artefact is not None and artefact.n_frames != clip.n_frames:
            raise VadbenchError(
                f"{artefact.path}: covers {artefact.n_frames} frames, but clip {identity.clip} has "
                f"{clip.n_frames}; delete the file and run again"
            )
    with ArtefactWriter(
        path,
        "views",
        identity,
        clip.n_frames,
        settings=settings.effective(),
        inputs=inputs,
        code=code,
    ) as writer:
        for t, frame in enumerate(clip):
            smaller = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            writer.append("frames", smaller.reshape(1, *size, frame.shape[-1]))
            if flow is not None:
                writer.append("flow", to_half(cv2.resize(to_single(flow["flow"][t]), size))[None])
            if segmentation is not None:
                class_map = segmentation["class_map"][t]
                nearest = cv2.resize(class_map, size, interpolation=cv2.INTER_NEAREST)
                writer.append("class_map", np.asarray(nearest)[None])
            if depth is not None:
                distance = depth["depth"][t].astype(np.float32)
                writer.append("depth", cv2.resize(distance, size)[None])
