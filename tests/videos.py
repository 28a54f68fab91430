"""Videos written by the tests, with real codecs."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from tests.clips import textured


def write_video(
    path: Path,
    count: int,
    *,
    codec: str = "mpeg4",
    size: tuple[int, int] = (64, 96),
    channels: int = 3,
    times: list[int] | None = None,
    rate: int = 25,
    fade: int = 0,
    seed: int = 0,
    sound: str = "",
) -> npt.NDArray[np.uint8]:
    """Writes a moving texture after `fade` black frames; returns the frames as they went in."""
    frames = textured(count, *size, channels, seed=seed).frames
    frames[:fade] = 0
    write_frames(path, frames, codec=codec, times=times, rate=rate, sound=sound)
    return frames


def write_frames(
    path: Path,
    frames: npt.NDArray[np.uint8],
    *,
    codec: str = "mpeg4",
    times: list[int] | None = None,
    rate: int = 25,
    sound: str = "",
) -> None:
    """Writes frames (T, H, W, 1 or 3), and beside them a tone of the codec `sound`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = frames.shape[1:3]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p" if frames.shape[3] == 3 else "gray"
        stream.bit_rate = 4_000_000
        heard = container.add_stream(sound, rate=44100, layout="mono") if sound else None
        for t, frame in enumerate(frames):
            picture = np.ascontiguousarray(np.broadcast_to(frame, (*size, 3)))
            made = av.VideoFrame.from_ndarray(picture, format="bgr24")
            if times is not None:
                made.pts, made.time_base = times[t], Fraction(1, rate)
            container.mux(stream.encode(made))
            if heard is not None:
                container.mux(heard.encode(_tone(t, 44100 // rate)))
        for last in (stream, heard):
            if last is not None:
                container.mux(last.encode())


def _tone(t: int, samples: int) -> av.AudioFrame:
    values = (8000 * np.sin(0.05 * np.arange(samples))).astype(np.int16)
    made = av.AudioFrame.from_ndarray(values[None], format="s16", layout="mono")
    made.sample_rate, made.pts, made.time_base = 44100, t * samples, Fraction(1, 44100)
    return made
