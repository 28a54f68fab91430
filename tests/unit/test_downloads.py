"""Downloads from a server on loopback that breaks off, lies and refuses."""

import errno
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from vadbench import downloads
from vadbench.downloads import download, unpack
from vadbench.errors import VadbenchError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the server does, and what it was asked."""

    url: str = ""
    breaks_after: int | None = None
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/file":
                self.send_error(404)
                return
            asked = self.headers.get("Range")
            state.asked.append(asked)
            start = int(asked[6:-1]) if asked and state.ranges else 0
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start : state.breaks_after])

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
    assert [item.name for item in path.parent.iterdir()] == ["net.pth"]


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


def test_a_part_that_is_all_of_it_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "net.pth", SHA256)
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_a_wrong_digest_is_refused_and_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match=r"another SHA-256 and was not kept .expected 00ff"):
        download(server.url, tmp_path / "net.pth", "00ff")
    assert not list(tmp_path.iterdir())
    (tmp_path / "net.pth").write_bytes(b"something else")
    with pytest.raises(VadbenchError, match=r"move it away"):
        download(server.url, tmp_path / "net.pth", SHA256)


def test_a_file_that_is_not_there_says_so(server: Server, tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match=r"/nothing: the server says 404"):
        download(server.url.replace("file", "nothing"), tmp_path / "net.pth", SHA256)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_what_came(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(downloads.os, "fsync", full)
        with pytest.raises(VadbenchError, match=r"the disk is full; .* goes on from 3000000 bytes"):
            download(server.url, tmp_path / "net.pth", SHA256)
    download(server.url, tmp_path / "net.pth", SHA256)
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


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


@pytest.mark.parametrize("kind", ["parent", "absolute", "link", "truncated"])
def test_a_hostile_archive_leaves_nothing(tmp_path: Path, kind: str) -> None:
    names = {"parent": "../outside", "absolute": str(tmp_path / "outside")}
    member = tarfile.TarInfo(names.get(kind, "inside"))
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "../../outside"
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
