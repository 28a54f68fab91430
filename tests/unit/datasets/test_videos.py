import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from tests.videos import write_video
from vadbench.datasets.check import check_clip
from vadbench.datasets.images import ImageClip
from vadbench.datasets.videos import VideoClip
from vadbench.errors import VadbenchError

FORMATS = [("clip.avi", "mpeg4"), ("clip.mp4", "libx264"), ("clip.mkv", "libx264")]


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_every_frame_is_found_in_any_order(tmp_path: Path, name: str, codec: str) -> None:
    original = write_video(tmp_path / name, 200, codec=codec)
    clip = VideoClip(tmp_path / name)
    decoded = list(clip)
    assert (clip.n_frames, clip.height, clip.width, clip.channels) == (200, 64, 96, 3)
    assert len(decoded) == 200
    difference = np.abs(np.stack(decoded).astype(int) - original)
    assert difference.mean() < 8
    for t in (140, 3, 199, 0, 20, 21, 198, 100):
        np.testing.assert_array_equal(clip.frame(t), decoded[t])
    with pytest.raises(IndexError):
        clip.frame(200)


def test_frames_without_times_are_counted_from_the_first(tmp_path: Path) -> None:
    path = tmp_path / "clip.h264"  # A bare stream, without a container that stores times.
    write_video(path, 60, codec="libx264")
    clip = VideoClip(path)
    assert not clip._times
    decoded = list(clip)
    assert len(decoded) == clip.n_frames == 60
    for t in (50, 3, 59, 0):
        np.testing.assert_array_equal(clip.frame(t), decoded[t])


def test_frames_are_resized_as_they_are_decoded(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 4)
    clip = VideoClip(tmp_path / "clip.avi", size=(48, 32))
    assert {frame.shape for frame in clip} == {(32, 48, 3)}
    assert (clip.width, clip.height) == (48, 32)


def test_a_grey_video_has_one_channel(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 4, codec="libx264", channels=1)
    clip = VideoClip(tmp_path / "clip.mp4")
    assert clip.channels == 1
    assert clip.frame(2).shape == (64, 96, 1)


def test_a_clip_that_fades_in_keeps_its_colour(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, 60, codec="libx264", fade=8)
    clip = VideoClip(path)
    assert clip.channels == 3
    assert not clip.frame(3).any()
    assert np.ptp(clip.frame(40).astype(int), axis=-1).max() > 50
    grey = VideoClip(path, colour="grey")
    np.testing.assert_array_equal(
        grey.frame(40)[..., 0], cv2.cvtColor(clip.frame(40), cv2.COLOR_BGR2GRAY)
    )


def test_colour_is_never_dropped_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, 41, codec="libx264", fade=41)
    frames = list(VideoClip(path, colour="colour"))
    assert {frame.shape for frame in frames} == {(64, 96, 3)}
    # Of the frames that are looked at, 0, 10, 20, 30 and 40, none has colour.
    for t in (0, 10, 20, 30, 40):
        cv2.imwrite(str(tmp_path / f"{t:03d}.png"), frames[t])
    for t in set(range(41)) - {0, 10, 20, 30, 40}:
        cv2.imwrite(str(tmp_path / f"{t:03d}.png"), np.full((64, 96, 3), (0, 0, 200), np.uint8))
    path.unlink()
    with pytest.raises(VadbenchError, match=r"001\.png: clip .*, frame 1: has colour, .*colour: "):
        check_clip(ImageClip(tmp_path), "clip")
    assert check_clip(ImageClip(tmp_path, "grey"), "clip")["channels"] == 1
    assert check_clip(ImageClip(tmp_path, "colour"), "clip")["channels"] == 3


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4", "clip.mkv"])
def test_a_video_says_its_frame_rate(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name, 20, rate=10)
    assert VideoClip(tmp_path / name).fps == pytest.approx(10)


class _Packet:
    size, duration, time_base, is_discard = 1, 1, Fraction(1, 25), False
    stream = SimpleNamespace(index=0)

    def __init__(self, pts: int) -> None:
        self.pts = pts


class _Container(nullcontext):
    """A container that counts how many of its packets are held at a time."""

    streams, duration, format = [None], None, SimpleNamespace(name="avi")

    def __init__(self) -> None:
        super().__init__()
        self.held: weakref.WeakSet[_Packet] = weakref.WeakSet()
        self.most = 0

    def demux(self) -> Iterator[_Packet]:
        for t in range(100):
            packet = _Packet(t)
            self.held.add(packet)
            self.most = max(self.most, len(self.held))
            yield packet


def test_opening_a_video_does_not_hold_its_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(
        index=0,
        frames=100,
        time_base=Fraction(1, 25),
        average_rate=25,
        codec_context=SimpleNamespace(name="mpeg4"),
    )
    container = _Container()
    monkeypatch.setattr(VideoClip, "_open", lambda _: (container, stream))
    assert VideoClip(Path("clip.avi")).n_frames == 100
    assert container.most <= 2


@pytest.mark.parametrize(("name", "codec"), [("clip.mpg", "mpeg1video"), ("clip.ts", "mpeg2video")])
def test_streams_of_mpeg_are_read_in_any_order(tmp_path: Path, name: str, codec: str) -> None:
    write_video(tmp_path / name, 200, codec=codec)
    decoded = list(VideoClip(tmp_path / name))
    assert len(decoded) == 200
    for t in (7, 63, 119, 196):
        np.testing.assert_array_equal(VideoClip(tmp_path / name).frame(t), decoded[t])


def test_reordered_frames_in_an_avi_are_counted(tmp_path: Path) -> None:
    original = write_video(tmp_path / "clip.avi", 60, codec="libx264")
    clip = VideoClip(tmp_path / "clip.avi")
    decoded = list(clip)
    assert len(decoded) == 60
    assert np.abs(np.stack(decoded).astype(int) - original).mean() < 8
    np.testing.assert_array_equal(clip.frame(41), decoded[41])


def test_a_video_that_was_cut_without_decoding_begins_at_its_cut(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mp4", 200, codec="libx264")
    whole = list(VideoClip(tmp_path / "whole.mp4"))
    cut = tmp_path / "cut.mp4"
    with av.open(str(tmp_path / "whole.mp4")) as source, av.open(str(cut), "w") as target:
        (stream,) = source.streams.video
        copied = target.add_stream_from_template(stream)
        # The key frame before frame 30 goes along, and is not to be shown.
        start = int(Fraction(30, 25) / stream.time_base)
        source.seek(start, stream=stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - start, packet.dts - start
                packet.stream = copied
                target.mux(packet)
    clip = VideoClip(cut)
    frames = list(clip)
    assert len(frames) == clip.n_frames == 170
    for t in (0, 1, 90, 169):
        np.testing.assert_array_equal(frames[t], whole[30 + t])
        np.testing.assert_array_equal(clip.frame(t), whole[30 + t])


def test_a_truncated_video_with_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, 250, codec="mpeg4", sound="aac")
    assert len(list(VideoClip(path))) == 250
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 4 // 5])
    with pytest.raises(VadbenchError, match=r"truncated, it announces 10\.\d+ s and ends after"):
        VideoClip(path)


def test_frames_that_are_left_out_are_named_and_not_the_end(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"  # Its header counts what is left out.
    write_video(path, 40, times=[t if t < 20 else t + 3 for t in range(40)])
    with pytest.raises(VadbenchError, match=r"frame 19: the next frame is .* frames are missing"):
        VideoClip(path)


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_a_truncated_video_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    write_video(path, 60, codec=codec)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    # Without its index, which is at the end, an mp4 is none at all.
    message = {
        "avi": r"clip\.avi: clip clip, frame \d+: is missing: the file is truncated",
        "mkv": r"clip\.mkv: clip clip, frame \d+: .*(truncated|frames are missing)",
        "mp4": r"clip\.mp4: cannot be opened",
    }
    with pytest.raises(VadbenchError, match=message[name[-3:]]):
        check_clip(VideoClip(path), "clip")


# H.264 has no checksums: FFmpeg notices most damage, and some decodes to other pixels.
@pytest.mark.parametrize(("name", "codec"), FORMATS[:2])
def test_a_damaged_frame_is_named(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    write_video(path, 60, codec=codec)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = np.random.default_rng(0).bytes(64)
    path.write_bytes(content)
    with pytest.raises(VadbenchError, match=r"clip\.\w+: clip clip, frame \d+: .*copy"):
        check_clip(VideoClip(path), "clip")


def test_a_damaged_frame_is_named_where_it_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 60)
    content = path.read_bytes()
    packets = [at for at in range(len(content)) if content[at : at + 4] == b"00dc"]
    at = packets[31] + 8 + 40  # inside the 31st frame; the first hit is in the file's header
    path.write_bytes(content[:at] + np.random.default_rng(1).bytes(64) + content[at + 64 :])
    clip = VideoClip(path)
    assert clip.frame(29).shape == (64, 96, 3)
    with pytest.raises(VadbenchError, match=r"clip\.avi: clip clip, frame 30: "):
        clip.frame(30)


def test_an_unsupported_codec_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 10)
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZZZZ"))
    with pytest.raises(VadbenchError, match=r"clip\.avi: clip clip, frame 0: .*codec .*convert"):
        check_clip(VideoClip(path), "clip")


def test_a_frame_of_another_size_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuvj420p"
        for t in range(8):
            other = av.CodecContext.create("mjpeg", "w")
            other.height, other.width, other.pix_fmt = (
                (64, 96, "yuvj420p") if t < 5 else (48, 96, "yuvj420p")
            )
            other.time_base = Fraction(1, 25)
            frame = av.VideoFrame.from_ndarray(
                np.full((other.height, other.width, 3), 20 * t, np.uint8), format="bgr24"
            ).reformat(format="yuvj420p")
            frame.pts = t
            for packet in [*other.encode(frame), *other.encode()]:
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(
        VadbenchError, match=r"frame 5: is 96 x 48 pixels, but the first one 96 x 64"
    ):
        check_clip(VideoClip(path), "clip")


def test_a_list_of_other_videos_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "other.avi", 10)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.avi\n")
    with pytest.raises(VadbenchError, match=r"list\.mp4: is no video file but .*concat"):
        VideoClip(tmp_path / "list.mp4")


def test_a_variable_frame_rate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, 40, codec="libx264", times=[t if t < 20 else t + 4 for t in range(40)])
    with pytest.raises(VadbenchError, match=r"frame 19: the next frame is 0\.2000 s later instead"):
        VideoClip(path)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(VadbenchError, match="cannot be opened"):
        VideoClip(path)
    with pytest.raises(VadbenchError, match="no such video"):
        VideoClip(tmp_path / "other.mp4")
