"""Clips that lie on disk as one video file, decoded by FFmpeg through PyAV.

Frames are counted in the file, not taken from its header, and a clip is refused where counting on
its frames would go wrong: a truncated file, a variable frame rate, a frame that is damaged.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.datasets.colour import count_channels, to_grey
from vadbench.datasets.strict import STRICT
from vadbench.errors import VadbenchError

__all__ = ["EXTENSIONS", "VideoClip"]

EXTENSIONS = frozenset(
    {
        *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"),
        *(".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"),
    }
)
_CONTAINERS = frozenset(
    {"asf", "avi", "flv", "h264", "hevc", "m4v", "matroska", "mov", "mpeg", "mpegts", "mpegvideo"}
)
"""FFmpeg's names of what holds its frames itself."""
# Their jumps land anywhere, not on a key frame before.
_FROM_THE_START = frozenset({"mpeg", "mpegts", "mpegvideo"})
# AVI stores no times, and FFmpeg's guesses at these codecs' are not those of decoded frames.
_REORDERED = frozenset({"h264", "hevc"})
_SOUND = 0.1  # seconds by which a sound track's end may miss what the container announces
_FORWARD = 64  # frames that are rather decoded than jumped over

Frame = npt.NDArray[np.uint8]


class VideoClip:
    """Frames of a video file.

    Args:
        path: The file.
        size: Width and height that frames are resized to as they are decoded; None: their own.
        colour: `grey` (one channel), `colour` (three), or `auto`: one where frames hold only grey.

    Attributes:
        fps: Frames per second that the file states, if it does.

    Raises:
        VadbenchError: The file is missing, truncated, no video, of an unsupported codec or of a
            variable frame rate.
    """

    def __init__(
        self, path: Path, size: tuple[int, int] | None = None, colour: str = "auto"
    ) -> None:
        self.path, self.size, self.colour = path, size, colour
        self.fps: float | None = None
        self._times = self._scan()
        self._place = {time: number for number, time in enumerate(self._times)}
        self._decoding: Iterator[Any] | None = None
        self._next = 0

    def _open(self) -> tuple[Any, Any]:
        import av

        if not self.path.is_file():
            raise VadbenchError(f"{self.path}: no such video")
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, OSError) as error:
            raise self._damaged(f"cannot be opened ({error})") from error
        if container.format.name.partition(",")[0] not in _CONTAINERS:
            # A list of other files, whose changes nobody would see.
            container.close()
            raise self._damaged(f"is no video file but {container.format.long_name}")
        if not container.streams.video:
            raise self._damaged("holds no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise self._damaged("is of a codec that is not supported", 0)
        stream.thread_type = "NONE"
        stream.codec_context.options = STRICT
        return container, stream

    def _damaged(self, what: str, t: int | None = None) -> VadbenchError:
        where = f" clip {self.path.stem}, frame {t}:" if t is not None else ""
        return VadbenchError(
            f"{self.path}:{where} {what}; copy or download it again, or convert it to a folder of "
            "images"
        )

    def _scan(self) -> list[int]:
        """Counts the frames from the packets alone: nothing is decoded.

        Returns:
            The time of every frame in order; none where the container stores none, and frames
            are found by counting from the first.
        """
        import av

        container, stream = self._open()
        with container:
            stamps: list[int | None] = []
            ends, skipped = [0.0, 0.0], 0
            try:
                # Packets themselves are as large as the file. Sound tells where it ends, too.
                for item in container.demux():
                    if not item.size:
                        continue
                    if item.pts is not None:
                        until = float((item.pts + (item.duration or 0)) * item.time_base)
                        ends = [min(ends[0], float(item.pts * item.time_base)), max(ends[1], until)]
                    if item.stream.index != stream.index:
                        continue
                    if item.is_discard:  # Before the first frame of a file cut without decoding.
                        skipped += 1
                    else:
                        stamps.append(item.pts)
            except av.error.FFmpegError as error:
                raise self._damaged(f"cannot be read to its end ({error})") from error
            announced, unit = int(stream.frames), stream.time_base
            if stream.average_rate:
                self.fps = round(float(stream.average_rate), 3)
            alone, seconds = len(container.streams) == 1, None
            if container.duration is not None:
                seconds = container.duration / av.time_base
            form = container.format.name
            self._jumps = form not in _FROM_THE_START
            guessed = form == "avi" and stream.codec_context.name in _REORDERED
        if not stamps:
            raise self._damaged("holds no frames")
        self.n_frames = len(stamps)
        times = [] if None in stamps else sorted(item for item in stamps if item is not None)
        # Before the count: of frames that are left out on the way the first is to be named.
        usual = self._usual_step(times, unit)
        if announced > len(stamps) + skipped:
            raise self._damaged(
                f"is missing: the file is truncated, it announces {announced} frames and holds "
                f"{len(stamps)}",
                len(stamps),
            )
        if not alone and not announced and seconds is not None:
            length = ends[1] - ends[0]
            if seconds > length + float(2 * usual * unit) + _SOUND:
                raise self._damaged(
                    f"is missing: the file is truncated, it announces {seconds:.2f} s and ends "
                    f"after {length:.2f} s",
                    len(stamps),
                )
        if alone and times and seconds is not None:
            length = times[-1] - times[0] + usual
            if seconds > float((length + 2 * usual) * unit):
                raise self._damaged(
                    f"is missing: the file is truncated, it announces {seconds:.2f} s and holds "
                    f"{len(times)} frames, {float(length * unit):.2f} s",
                    len(times),
                )
        return [] if guessed else times

    def _usual_step(self, times: list[int], unit: Any) -> float:
        """Returns the time between frames; refuses frames that do not come at one rate."""
        steps = np.diff(times)
        usual = float(np.median(steps)) if len(steps) else 1.0
        # Containers round times to their unit.
        odd = np.flatnonzero(np.abs(steps - usual) > max(1.5, 0.1 * usual))
        if len(odd):
            t = int(odd[0])
            raise self._damaged(
                f"the next frame is {float(steps[t] * unit):.4f} s later instead of "
                f"{float(usual * unit):.4f} s: frames are missing, or the frame rate varies and "
                "frame numbers are no times",
                t,
            )
        return usual

    @cached_property
    def _shape(self) -> tuple[int, int, int]:
        def picture(t: int) -> Frame:
            return self._picture(next(self._decode(t)))

        height, width = picture(0).shape[:2]
        return height, width, count_channels(self.colour, self.n_frames, picture)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self._shape[0]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self._shape[1]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for BGR."""
        return self._shape[2]

    def _picture(self, frame: Any) -> Frame:
        width, height = self.size or (frame.width, frame.height)
        picture: Frame = frame.to_ndarray(
            format="bgr24", width=width, height=height, interpolation="AREA"
        )
        return picture

    def _decode(self, start: int) -> Iterator[Any]:
        """Yields decoded frames from number `start` on."""
        import av

        container, stream = self._open()
        number, counted = start, 0
        with container:
            if start and self._times and self._jumps:
                container.seek(self._times[start], stream=stream, backward=True)
            frames = container.decode(stream)
            while number < self.n_frames:
                try:
                    frame = next(frames)
                except StopIteration:
                    raise self._damaged("ends early", number) from None
                except av.error.FFmpegError as error:
                    raise self._damaged(f"cannot be decoded ({error})", number) from error
                place = self._place.get(frame.pts, -1) if self._times else counted
                counted += 1
                if place < number:
                    continue  # A jump lands on the key frame before.
                if place > number:
                    raise self._damaged("is missing", number)
                if frame.is_corrupt:
                    raise self._damaged("is damaged", number)
                yield frame
                number += 1

    def frame(self, t: int) -> Frame:
        """Returns frame t, (H, W, C) uint8.

        Raises:
            VadbenchError: It is damaged.
        """
        if not 0 <= t < self.n_frames:
            raise IndexError(f"{self.path}: frame {t} of {self.n_frames}")
        if self._decoding is None or not self._next <= t < self._next + _FORWARD:
            self._decoding, self._next = self._decode(t), t
        for _ in range(t - self._next):
            next(self._decoding)
        self._next = t + 1
        return self._finished(next(self._decoding), t)

    def _finished(self, frame: Any, t: int) -> Frame:
        picture = self._picture(frame)
        height, width, channels = self._shape
        if picture.shape[:2] != (height, width):
            raise self._damaged(
                f"is {picture.shape[1]} x {picture.shape[0]} pixels, but the first one {width} x "
                f"{height}",
                t,
            )
        if channels == 3:
            return picture
        return to_grey(picture, self.colour, self.path, f"clip {self.path.stem}, frame {t}")

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames in order."""
        return (self._finished(frame, t) for t, frame in enumerate(self._decode(0)))
