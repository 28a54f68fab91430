import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from vadbench.artefacts import ArtefactWriter, Identity, file_digest, open_artefact
from vadbench.artefacts.store import write_atomically
from vadbench.errors import VadbenchError

CLIP = Identity("made", "train", "01")


def write_flow(path: Path, values: np.ndarray, **options: object) -> None:
    options = {"settings": {"b": 1, "a": 2}} | options
    with ArtefactWriter(path, "flow", CLIP, len(values), **options) as writer:
        for row in values:
            writer.append("flow", row[None])


def flow(frames: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(frames, 6, 5, 2)).astype(np.float16)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.h5", flow(), code="abc", attributes={"fps": 10})
    with open_artefact(tmp_path / "a.h5", "flow") as artefact:
        np.testing.assert_array_equal(artefact["flow"][:], flow())
        assert artefact.identity == CLIP
        assert (artefact.n_frames, artefact.code) == (3, "abc")
        assert artefact.settings == {"a": 2, "b": 1}
        assert artefact.attributes == {"fps": 10}
        assert artefact.libraries["numpy"] == np.__version__


def test_digest_follows_content_and_settings_but_not_batching(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.h5", flow())
    with ArtefactWriter(tmp_path / "b.h5", "flow", CLIP, 3, settings={"a": 2, "b": 1}) as writer:
        writer.put("flow", flow())
    changed = flow()
    changed[1, 2, 3, 0] += 1
    write_flow(tmp_path / "c.h5", changed)
    write_flow(tmp_path / "d.h5", flow(), settings={"a": 3, "b": 1})
    digests = [file_digest(tmp_path / f"{name}.h5") for name in "abcd"]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_many_small_appends_keep_every_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, 50)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    cubes = rng.integers(0, 255, (offsets[-1], 5, 32, 32, 1), dtype=np.uint8)
    with ArtefactWriter(tmp_path / "a.h5", "cubes", CLIP, 50, settings={}) as writer:
        writer.put("frame_offsets", offsets)
        writer.put("boxes", np.zeros((len(cubes), 4)))
        writer.append("flow", np.zeros((len(cubes), 4, 32, 32, 2)))
        for start, end in pairwise(offsets):
            writer.append("frames", cubes[start:end])
    with open_artefact(tmp_path / "a.h5") as artefact:
        np.testing.assert_array_equal(artefact["frames"][:], cubes)


def test_inputs_are_kept_with_their_digests(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.h5", flow())
    note = tmp_path / "note.json"
    note.write_text("{}")
    write_flow(tmp_path / "b.h5", flow(), inputs=[tmp_path / "a.h5", note])
    with open_artefact(tmp_path / "a.h5") as first, open_artefact(tmp_path / "b.h5") as second:
        assert second.inputs[(tmp_path / "a.h5").as_posix()] == first.digest
        assert second.inputs[note.as_posix()] == file_digest(note)


def test_a_failed_job_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.h5", flow())
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(RuntimeError, match="midway"):
        with ArtefactWriter(tmp_path / "a.h5", "flow", CLIP, 3, settings={}) as writer:
            writer.append("flow", flow()[:1])
            raise RuntimeError("midway")
    assert (tmp_path / "a.h5").read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


def test_a_killed_job_leaves_no_file_under_the_name(tmp_path: Path) -> None:
    program = f"""
import os, signal, numpy as np
from vadbench.artefacts import ArtefactWriter, Identity
clip = Identity("d", "train", "c")
with ArtefactWriter({str(tmp_path / "a.h5")!r}, "flow", clip, 9, settings={{}}) as w:
    w.append("flow", np.zeros((1, 6, 5, 2)))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert not (tmp_path / "a.h5").exists()
    assert len(list(tmp_path.iterdir())) == 1
    write_flow(tmp_path / "a.h5", flow())
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 4"):
        with ArtefactWriter(tmp_path / "a.h5", "flow", CLIP, 4, settings={}) as writer:
            writer.put("flow", flow(3))
    with pytest.raises(ValueError, match="needs the field 'flow'"):
        with ArtefactWriter(tmp_path / "a.h5", "flow", CLIP, 4, settings={}):
            pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", [0, 10, 500, 3000])
def test_truncated_and_foreign_files_are_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.h5"
    write_flow(path, flow(40))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(VadbenchError, match=r"a\.h5: not a readable HDF5 file"):
        with open_artefact(path):
            pass
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(VadbenchError, match=r"b\.h5: not an artefact"):
        with open_artefact(tmp_path / "b.h5"):
            pass


def test_another_kind_or_a_missing_file_is_an_error(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.h5", flow())
    with pytest.raises(VadbenchError, match="is a flow artefact, expected cubes"):
        with open_artefact(tmp_path / "a.h5", "cubes"):
            pass
    with pytest.raises(VadbenchError, match="no such file"):
        with open_artefact(tmp_path / "none.h5"):
            pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system takes root")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("rows", [400, 4000])
def test_a_full_disk_keeps_what_is_whole(small_disk: Path, rows: int) -> None:
    path = small_disk / "a.h5"
    write_flow(path, flow())
    before = path.read_bytes()
    (small_disk / "other").write_bytes(bytes(1_000_000 - len(before)))
    message = r"a\.h5: cannot be written \(No space left on device\); nothing was kept"
    with pytest.raises(VadbenchError, match=message):
        write_flow(path, flow(rows), settings={"other": 1})
    assert path.read_bytes() == before
    assert sorted(item.name for item in small_disk.iterdir()) == ["a.h5", "other"]
    with pytest.raises(VadbenchError, match=r"x\.json: cannot be written \(No space left"):
        with write_atomically(small_disk / "x.json") as stream:
            stream.write(bytes(200_000))
    (small_disk / "other").unlink()
    write_flow(path, flow(), settings={"other": 1})
    # HDF5 may crash over files that it could not close, when these are cleared away.
    gc.collect()


def test_a_read_only_disk_is_a_clear_error(small_disk: Path) -> None:
    write_flow(small_disk / "a.h5", flow())
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(VadbenchError, match=r"a\.h5: cannot be written \(Read-only file system"):
        write_flow(small_disk / "a.h5", flow())
    with pytest.raises(VadbenchError, match=r"x\.json: cannot be written \(Read-only file system"):
        with write_atomically(small_disk / "x.json") as stream:
            stream.write(b"{}")
    # Reading needs no lock, which a read-only disk does not give.
    with open_artefact(small_disk / "a.h5") as artefact:
        assert len(artefact["flow"]) == 3


def test_two_that_write_the_same_file_do_not_harm_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with ArtefactWriter(path, "flow", CLIP, 3, settings={}) as first:
        first.append("flow", flow()[:1])
        with ArtefactWriter(path, "flow", CLIP, 3, settings={}) as second:
            second.append("flow", flow())
        between = file_digest(path)
        first.append("flow", flow()[1:])
    assert file_digest(path) == between
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody else")
def test_a_file_that_may_not_be_read_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_flow(path, flow())
    path.chmod(0o600)
    os.seteuid(65534)
    try:
        for read in (file_digest, lambda item: open_artefact(item).__enter__()):
            with pytest.raises(VadbenchError, match=r"a\.h5: cannot be read \(Permission denied"):
                read(path)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(VadbenchError, match="cannot be written"):
        write_flow(tmp_path / "a.h5", flow())


def test_write_atomically_keeps_the_old_file_on_error(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    with write_atomically(target) as stream:
        stream.write(b"one")
    with pytest.raises(RuntimeError), write_atomically(target) as stream:
        stream.write(b"two")
        raise RuntimeError
    assert target.read_bytes() == b"one"
    assert len(list(tmp_path.iterdir())) == 1
