"""A clip made in memory, for tests of what reads frames."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


class ArrayClip:
    """Frames (T, H, W, C) uint8 as a clip."""

    fps = None

    def __init__(self, frames: npt.NDArray[np.uint8]) -> None:
        self.frames = frames
        self.n_frames, self.height, self.width, self.channels = frames.shape

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        return self.frames[t]

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return iter(self.frames)


def textured(frames: int, height: int, width: int, channels: int, seed: int = 0) -> ArrayClip:
    """A smooth random texture that moves two pixels right and one down per frame."""
    import cv2

    rng = np.random.default_rng(seed)
    size = (height + frames, width + 2 * frames, channels)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, size), (0, 0), 3).reshape(size)
    noise = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    views = [
        noise[
            frames - 1 - t : frames - 1 - t + height,
            2 * (frames - 1 - t) : 2 * (frames - 1 - t) + width,
        ]
        for t in range(frames)
    ]
    return ArrayClip(np.stack(views))
