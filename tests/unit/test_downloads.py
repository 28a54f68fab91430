"""Downloads from a server on loopback that breaks off, lies and refuses."""

import hashlib
import io
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from vadbench.downloads import download, recorded_digest, unpack
from vadbench.errors import VadbenchError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the server does, and what it was asked."""

    url: str = ""
    breaks_after: int | None = None
    ranges: bool = True
    chunked: bool = False
    nonsense: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("X-Linked-ETag", f'"{SHA256}"')
                self.send_header("Location", state.url.replace("127.0.0.1", "localhost"))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path != "/file":
                self.send_error(404)
                return
            if state.nonsense:
                self.wfile.write(b"no answer\r\n\r\n")
                return
            asked = self.headers.get("Range")
            state.asked.append(asked)
            start = int(asked[6:-1]) if asked and state.ranges else 0
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if state.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(CONTENT) - start))
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if state.chunked:
                self._write_chunks(start)
            else:
                self.wfile.write(CONTENT[start : state.breaks_after])

        def _write_chunks(self, start: int) -> None:
            """Chunks of a size that is announced, the last of them broken off."""
            size = 1 << 20
            for at in range(start, len(CONTENT), size):
                chunk = CONTENT[at : at + size]
                end = len(CONTENT) if state.breaks_after is None else state.breaks_after
                self.wfile.write(b"%x\r\n" % len(chunk) + chunk[: max(0, end - at)])
                if end < at + len(chunk):
                    return
                self.wfile.write(b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{running.server_port}/file"
        yield state
        running.shutdown()


def test_a_file_comes_whole_and_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = tmp_path / "weights/net.pth"
    download(server.url, path, SHA256, lambda there, total: seen.append((there, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    download(server.url, path, SHA256[:8])
    assert server.asked == [None]
    assert sorted(item.name for item in path.parent.iterdir()) == ["net.pth", "net.pth.sha256"]
    assert (path.parent / "net.pth.sha256").read_text() == f"{SHA256}  net.pth\n"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_transfer_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    path = tmp_path / "net.pth"
    server.breaks_after, server.ranges = 1_200_000, ranges
    with pytest.raises(VadbenchError, match=r"the connection broke .* goes on from where it was"):
        download(server.url, path, SHA256)
    assert not path.exists()
    assert (tmp_path / "net.pth.part").stat().st_size == 1_200_000
    server.breaks_after = None
    download(server.url, path, SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1200000-"]


def test_a_broken_transfer_in_chunks_goes_on(server: Server, tmp_path: Path) -> None:
    server.chunked, server.breaks_after = True, 2_500_000
    path = tmp_path / "net.pth"
    with pytest.raises(VadbenchError, match=r"the connection broke .* goes on from where it was"):
        download(server.url, path, SHA256)
    assert 0 < (tmp_path / "net.pth.part").stat().st_size <= 2_500_000
    server.breaks_after = None
    download(server.url, path, SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked[1] is not None


def test_what_is_no_answer_of_a_server_is_said(server: Server, tmp_path: Path) -> None:
    server.nonsense = True
    with pytest.raises(VadbenchError, match=r"the connection broke \(no answer"):
        download(server.url, tmp_path / "net.pth", SHA256)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1:1"])
def test_a_server_that_cannot_be_reached_is_named(tmp_path: Path, host: str) -> None:
    name = host.partition(":")[0]
    with pytest.raises(VadbenchError, match=rf"{name} cannot be reached .*; is there a network"):
        download(f"http://{host}/file", tmp_path / "net.pth", SHA256)


def test_a_part_that_is_all_of_it_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "net.pth", SHA256)
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_a_wrong_digest_is_refused_and_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match=r"another digest and was not kept .expected 00ff"):
        download(server.url, tmp_path / "net.pth", "00ff")
    assert not list(tmp_path.iterdir())
    (tmp_path / "net.pth").write_bytes(b"something else")
    with pytest.raises(VadbenchError, match=r"move it away"):
        download(server.url, tmp_path / "net.pth", SHA256)


def test_a_file_that_is_not_there_says_so(server: Server, tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match=r"/nothing: the server says 404"):
        download(server.url.replace("file", "nothing"), tmp_path / "net.pth", SHA256)
    assert not list(tmp_path.iterdir())


GIT = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


@pytest.mark.parametrize("stated", [f'"{SHA256}"', f'W/"{SHA256.upper()}"', f'"{GIT}"'])
def test_without_a_published_digest_that_of_the_server_counts(
    server: Server, tmp_path: Path, stated: str
) -> None:
    path = tmp_path / "net.pth"
    server.headers["ETag"] = stated
    download(server.url, path, "")
    assert path.read_bytes() == CONTENT
    assert recorded_digest(path) == SHA256
    # From then on the recorded one does, without asking the server.
    download(server.url, path, "")
    assert server.asked == [None]
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(VadbenchError, match=f"move it away .expected {SHA256}, found"):
        download(server.url, path, "")


@pytest.mark.parametrize("digits", [64, 40])
def test_another_digest_than_the_server_states_is_refused(
    server: Server, tmp_path: Path, digits: int
) -> None:
    server.headers["ETag"] = f'"{"0" * digits}"'
    with pytest.raises(VadbenchError, match=r"another digest and was not kept .expected 0000"):
        download(server.url, tmp_path / "net.pth", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stated", [None, '"65f2a-0f1"'])
def test_what_cannot_be_checked_is_not_fetched(
    server: Server, tmp_path: Path, stated: str | None
) -> None:
    if stated is not None:
        server.headers["ETag"] = stated
    with pytest.raises(VadbenchError, match="the server states none, so it cannot be checked"):
        download(server.url, tmp_path / "net.pth", "")
    (tmp_path / "net.pth").write_bytes(CONTENT)
    with pytest.raises(VadbenchError, match="nothing says what its digest should be"):
        download(server.url, tmp_path / "net.pth", "")


def test_the_digest_is_that_of_the_server_asked_not_of_one_it_refers_to(
    server: Server, tmp_path: Path
) -> None:
    # As where a store of large files has names of its own for them.
    server.headers["ETag"] = f'"{"0" * 64}"'
    url, path = server.url.replace("file", "elsewhere"), tmp_path / "net.pth"
    server.breaks_after = 1_200_000
    with pytest.raises(VadbenchError, match="the connection broke"):
        download(url, path, "")
    server.breaks_after = None
    download(url, path, "")
    assert server.asked == [None, "bytes=1200000-"]
    assert recorded_digest(path) == SHA256


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system takes root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_keeps_what_came(server: Server, small_disk: Path) -> None:
    path = small_disk / "net.pth"
    other = small_disk / "other"
    other.write_bytes(bytes(1_500_000))
    with pytest.raises(VadbenchError, match=r"net\.pth\.part: the disk is full; .* goes on from"):
        download(server.url, path, SHA256)
    there = (small_disk / "net.pth.part").stat().st_size
    assert 0 < there < len(CONTENT)
    other.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    download(server.url, path, SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={there}-"]


def test_a_folder_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(VadbenchError, match=r"weights.*: cannot be written"):
        download(server.url, tmp_path / "weights/net.pth", SHA256)


def archive_with(path: Path, *members: tarfile.TarInfo) -> None:
    with tarfile.open(path, "w:gz") as file:
        for member in members:
            member.size = 5 if member.isfile() else 0
            file.addfile(member, io.BytesIO(b"hello") if member.isfile() else None)


def test_an_archive_is_unpacked_whole(tmp_path: Path) -> None:
    archive_with(tmp_path / "a.tar.gz", tarfile.TarInfo("set/Train/001.tif"))
    unpack(tmp_path / "a.tar.gz", tmp_path / "data", "set")
    assert (tmp_path / "data/Train/001.tif").read_bytes() == b"hello"
    with pytest.raises(VadbenchError, match=r"is there already"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "data", "set")


@pytest.mark.parametrize(
    "kind", ["parent", "absolute", "link", "inner link", "hard link", "device", "truncated"]
)
def test_a_hostile_archive_leaves_nothing(tmp_path: Path, kind: str) -> None:
    names = {"parent": "../outside", "absolute": str(tmp_path / "outside")}
    member = tarfile.TarInfo(names.get(kind, "inside"))
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "../../outside"
    if kind == "inner link":
        # Links to links to links, each of which stays inside, get around Python's filter.
        member.type, member.linkname = tarfile.SYMTYPE, "good"
    if kind == "hard link":
        member.type, member.linkname = tarfile.LNKTYPE, "../../outside"
    if kind == "device":
        member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    path = tmp_path / "a.tar.gz"
    archive_with(path, tarfile.TarInfo("good"), member)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:40])
    if kind == "absolute":
        # The leading slash is dropped, so that it lies inside.
        unpack(path, tmp_path / "data", ".")
    else:
        with pytest.raises(VadbenchError, match=r"a\.tar\.gz: (refused|cannot be unpacked)"):
            unpack(path, tmp_path / "data", ".")
        assert not (tmp_path / "data").exists()
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "data.part").exists()


def test_where_only_an_md5_is_published_it_counts(server: Server, tmp_path: Path) -> None:
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    path = tmp_path / "net.pkl"
    with pytest.raises(VadbenchError, match="has another digest"):
        download(server.url, path, f"md5:{md5[1:7]}")
    download(server.url, path, f"md5:{md5[:6]}")
    download(server.url, path, f"md5:{md5[:6]}")
    assert recorded_digest(path) == SHA256
    path.write_bytes(CONTENT[1:])
    with pytest.raises(VadbenchError, match="is not the file that"):
        download(server.url, path, f"md5:{md5[:6]}")
