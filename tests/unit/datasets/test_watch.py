import os
from pathlib import Path

import pytest

from vadbench.datasets.watch import known_content, look, watched
from vadbench.errors import VadbenchError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(bytes([number]) * 100)
    return folder


def keep(clip: Path, record: Path) -> str:
    state = look([clip], record)
    with watched([clip], record, state):
        pass
    return state


def test_content_that_changed_behind_a_kept_time_is_seen(clip: Path, tmp_path: Path) -> None:
    state = keep(clip, tmp_path / "kept.json")
    frame = clip / "1.png"
    times = frame.stat()
    frame.write_bytes(b"x" * 100)
    os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = look([clip], tmp_path / "kept.json")
    assert changed != state
    # Once it was read under its new token, nothing is new about it.
    with watched([clip], tmp_path / "kept.json", changed):
        pass
    assert look([clip], tmp_path / "kept.json") == changed


def test_another_time_of_the_same_content_is_no_change(clip: Path, tmp_path: Path) -> None:
    record = tmp_path / "kept.json"
    state = keep(clip, record)
    before = record.read_bytes()
    for frame in clip.iterdir():
        frame.touch()
    (clip / "1.png").chmod(0o600)
    assert look([clip], record) == state
    # The new times are kept, so that the content need not be read again.
    assert record.read_bytes() != before
    again = record.read_bytes()
    assert look([clip], record) == state
    assert record.read_bytes() == again


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"state": 1', b"[1]"])
def test_without_a_record_times_count(clip: Path, tmp_path: Path, damage: bytes) -> None:
    record = tmp_path / "kept.json"
    state = keep(clip, record)
    record.write_bytes(damage)
    assert look([clip], record) == state
    (clip / "1.png").touch()
    assert look([clip], record) != state


@pytest.mark.parametrize("change", ["new", "gone", "renamed"])
def test_other_names_are_another_content(clip: Path, tmp_path: Path, change: str) -> None:
    state = keep(clip, tmp_path / "kept.json")
    if change == "new":
        (clip / "3.png").write_bytes(b"")
    elif change == "gone":
        (clip / "2.png").unlink()
    else:
        (clip / "2.png").rename(clip / "3.png")
    assert look([clip], tmp_path / "kept.json") != state


def test_files_that_change_while_they_are_read_are_an_error(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match="clip: changed while it was read"):
        with watched([clip], tmp_path / "kept.json", "state"):
            (clip / "1.png").write_bytes(b"y" * 100)
    assert not (tmp_path / "kept.json").exists()


@pytest.mark.parametrize("name", ["Thumbs.db", ".DS_Store", "._1.png", "notes.txt"])
def test_what_viewers_leave_in_a_clip_is_no_change(clip: Path, tmp_path: Path, name: str) -> None:
    state = keep(clip, tmp_path / "kept.json")
    (clip / name).write_bytes(b"litter")
    assert look([clip], tmp_path / "kept.json") == state


def test_known_content_is_that_of_now(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clip.parent / "cache"))
    path = clip / "1.png"
    before = known_content([path])
    assert known_content([clip / "../clip/1.png"]) == before
    times = path.stat()
    path.write_bytes(b"z" * 100)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = known_content([path])
    assert changed != before
    path.touch()
    assert known_content([path.rename(clip / "9.png")]) == changed
    with pytest.raises(VadbenchError, match=r"1\.png: cannot be read"):
        known_content([path])


def test_known_content_is_read_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clip.parent / "cache"))
    paths = sorted(clip.iterdir())
    before = known_content(paths)
    monkeypatch.setattr("vadbench.datasets.watch.content_digest", None)
    assert known_content(paths) == before
