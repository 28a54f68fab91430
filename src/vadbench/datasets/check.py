"""Checks a clip frame by frame."""

import hashlib
from typing import Any

import numpy as np

from vadbench.datasets import Clip
from vadbench.errors import VadbenchError

__all__ = ["check_clip"]


def check_clip(clip: Clip, name: str) -> dict[str, Any]:
    """Decodes every frame of a clip once.

    Returns:
        Its name, number of frames, height, width, channels, frames per second as far as its file
        states them, and the SHA-256 of its decoded frames in order (of pixels, so that a lossless
        repack has the same digest).

    Raises:
        VadbenchError: A frame is missing, damaged or of another size; it is named.
    """
    # Clips of files in which a decoder overlooks damage have it; of others nothing is imported.
    verify = getattr(clip, "verify", None)
    digest = hashlib.sha256()
    count = 0
    for t, frame in enumerate(clip):
        if verify is not None:
            verify(t)
        digest.update(np.ascontiguousarray(frame).data)
        count += 1
    if count == 0:
        raise VadbenchError(f"clip {name}: has no frames")
    return {
        "clip": name,
        "n_frames": count,
        "height": clip.height,
        "width": clip.width,
        "channels": clip.channels,
        "fps": clip.fps,
        "frames_sha256": digest.hexdigest(),
    }
