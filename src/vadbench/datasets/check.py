"""Checks a clip frame by frame."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from vadbench.datasets import Clip
from vadbench.datasets.images import ImageClip
from vadbench.datasets.videos import STRICT
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
    digest = hashlib.sha256()
    count = 0
    for t, frame in enumerate(clip):
        if isinstance(clip, ImageClip):
            _verify(clip.files[t], clip.where(t))
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


def _verify(path: Path, what: str) -> None:
    """Refuses a JPEG that is cut off or damaged, which OpenCV fills up with grey.

    Of other formats OpenCV says itself that one is cut off.
    """
    if path.suffix.lower() not in {".jpg", ".jpeg"}:
        return
    import av

    codec = av.CodecContext.create("mjpeg", "r")
    codec.options = STRICT
    try:
        content = path.read_bytes()
        frames = [*codec.decode(av.Packet(content)), *codec.decode(None)]
        # The marker of the end follows that of the last scan, within which it cannot occur.
        whole = content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
        why = "" if whole and len(frames) == 1 and not frames[0].is_corrupt else "it is cut off"
    except (av.error.FFmpegError, OSError) as error:
        why = str(error)
    if why:
        raise VadbenchError(
            f"{path}: {what}: cannot be decoded ({why}); the file is damaged, unpack it again"
        )
