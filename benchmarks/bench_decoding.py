"""Whole frames for training: a cache of resized frames against decoding in every epoch.

A clip of ShanghaiTech's size (856 x 480) is read as an epoch reads it, resized to 256 x 256: from
its views artefact in blocks, from the H.264 video, and from JPEG files. Frames are Ped2's where it
is at hand, enlarged and coloured, with the noise of a camera; else moving noise. Files are in the
page cache, one core reads, and time is that of the processor. Bytes are what a frame takes on disk;
ShanghaiTech has 274,515 training frames.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from rows import ImageClip, Row, ped2_like

from vadbench.artefacts import Identity, open_artefact
from vadbench.datasets.images import ImageClip as JpegClip
from vadbench.datasets.videos import VideoClip
from vadbench.objects.settings import ViewsSettings
from vadbench.objects.views import make_views

FRAMES, WIDTH, HEIGHT, SIZE = 120, 856, 480, 256
TRAINING_FRAMES = 274_515
BLOCK = 64  # frames that training reads at a time


def _frames(clip: ImageClip) -> Iterator[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    for t in range(FRAMES):
        large = cv2.resize(clip.frame(t)[..., 0], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        tinted = large[..., None] * np.array([0.95, 1.0, 0.9])
        noisy = tinted + rng.normal(0, 2, (HEIGHT, WIDTH, 3))
        yield noisy.clip(0, 255).astype(np.uint8)


def _write(folder: Path) -> tuple[Path, Path]:
    """Writes the clip as H.264 and as JPEG files of common quality."""
    video, images = folder / "clip.mp4", folder / "clip"
    images.mkdir()
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for t, frame in enumerate(_frames(ped2_like(folder))):
            cv2.imwrite(str(images / f"{t:03d}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return video, images


def _read_blocks(path: Path) -> None:
    with open_artefact(path, "views") as views:
        for start in range(0, FRAMES, BLOCK):
            views["frames"][start : start + BLOCK]


def _resize_all(clip: VideoClip | JpegClip) -> None:
    for frame in clip:
        cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def _rate(read: Callable[[], object]) -> float:
    """Most frames that are read in a second of the processor, of two readings."""
    spent = []
    for _ in range(2):
        start = time.process_time()
        read()
        spent.append(time.process_time() - start)
    return FRAMES / min(spent)


def measure() -> list[Row]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video, images = _write(folder)
        views = folder / "views.h5"
        settings, owner = ViewsSettings(size=SIZE), Identity("made", "train", "clip")

        def build() -> None:
            make_views(VideoClip(video), None, None, None, settings, owner, views)

        made = _rate(build)
        cached = _rate(lambda: _read_blocks(views))
        decoded = _rate(lambda: _resize_all(VideoClip(video)))
        on_the_way = _rate(lambda: list(VideoClip(video, size=(SIZE, SIZE))))
        from_jpeg = _rate(lambda: _resize_all(JpegClip(images)))
        per_view = views.stat().st_size / FRAMES
        per_video = video.stat().st_size / FRAMES
        per_jpeg = sum(item.stat().st_size for item in os.scandir(images)) / FRAMES
    disk = TRAINING_FRAMES / 1e9
    plain = 3 * SIZE * SIZE * disk
    return [
        Row("views read in blocks", cached, decoded, "frames/s", "H.264 decoded and resized"),
        Row("views read in blocks", cached, on_the_way, "frames/s", "H.264 resized by the decoder"),
        Row("views read in blocks", cached, from_jpeg, "frames/s", "JPEG decoded and resized"),
        Row("views made from H.264", made, decoded, "frames/s", "H.264 decoded and resized"),
        Row("a frame on disk, views", per_view / 1e3, per_video / 1e3, "kB", "H.264"),
        Row("a frame on disk, views", per_view / 1e3, per_jpeg / 1e3, "kB", "JPEG"),
        Row(
            "ShanghaiTech's training frames, views", per_view * disk, plain, "GB", "not compressed"
        ),
        Row(
            "an epoch of them, views", TRAINING_FRAMES / cached, TRAINING_FRAMES / decoded, "s", ""
        ),
    ]
