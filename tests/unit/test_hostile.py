"""Inputs made to harm: none runs anything, reads other files, or takes all memory."""

import ast
import os
import pickle
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import torch
from numpy._core.multiarray import _reconstruct
from scipy.io import savemat
from torch import nn

from vadbench.arrays import load_array
from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.coco import read_results
from vadbench.config import load_config, read_config_file, read_yaml
from vadbench.datasets import folder
from vadbench.datasets.images import ImageClip
from vadbench.datasets.index import load_json
from vadbench.datasets.labels import read_label_file
from vadbench.datasets.labels.avenue import open_volume
from vadbench.datasets.sections import FolderSection
from vadbench.errors import VadbenchError
from vadbench.objects.importing import read_boxes
from vadbench.teachers.depth.dpt import _check_config
from vadbench.teachers.loading import load_weights

PROJECT = Path(__file__).parents[2]
SECRET = "what lies outside"


class Evil:
    """Makes a folder when it is unpickled by a pickle's own rules."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


# The code


def faults(text: str, name: str = "x.py") -> Iterator[str]:
    """What in a module could run or unpack more than it is meant to."""
    may_unpickle = name == "arrays.py"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            foreign = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
            if foreign.intersection(names) and not may_unpickle:
                yield f"{node.lineno}: imports {names}"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {item.arg: ast.unparse(item.value) for item in node.keywords}
        last = called.rpartition(".")[2]
        wrong = (
            called in {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
            or (last in {"load", "loads", "Unpickler"} and called.startswith("pickle."))
            or last in {"read_pickle", "unsafe_load", "full_load", "load_all", "unpack_archive"}
            or called == "yaml.load"
            or (called.endswith("torch.load") and options.get("weights_only") != "True")
            or options.get("weights_only", "True") != "True"
            or options.get("allow_pickle", "False") != "False"
            or options.get("trust_remote_code", "False") != "False"
            or options.get("shell", "False") != "False"
            or (last in {"extractall", "extract"} and options.get("filter") != "'data'")
        )
        if wrong:
            yield f"{node.lineno}: {ast.unparse(node)}"


def sources() -> list[Path]:
    places = ["src", "workflow", "benchmarks", "docs"]
    return sorted(path for place in places for path in (PROJECT / place).rglob("*.py"))


def test_no_module_unpickles_evaluates_or_unpacks_blindly() -> None:
    found = {
        str(path.relative_to(PROJECT)): list(faults(path.read_text(), path.name))
        for path in sources()
    }
    assert len(found) > 100
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "pickle.load(stream)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=wanted)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "exec(text)",
        "archive.extractall(folder)",
        "archive.extractall(folder, filter='tar')",
        "pd.read_pickle(path)",
        "subprocess.run(text, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_the_check_of_the_code_can_fail(line: str) -> None:
    assert list(faults(line))


# Pickles


class Made:
    """An object whose pickle calls what it is told to, and sets a state."""

    def __init__(self, function: Callable[..., Any], arguments: tuple, state: Any = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def rebuilt(*state: Any) -> Made:
    return Made(_reconstruct, (np.ndarray, (0,), b"b"), state)


POINTER = b"\x41" * 8
# A data type of objects that says of itself that it has none.
LYING = Made(np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0))
FIELDS = ("V8", False, True), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
FORGED = {
    "pointer": Made(np.ndarray, ((1,), np.dtype("O"), POINTER)),
    "pointer of a lying type": Made(np.ndarray, ((1,), LYING, POINTER)),
    "state of a lying type": rebuilt(1, (1,), LYING, False, POINTER),
    "state of objects": rebuilt(1, (1,), np.dtype("O"), False, POINTER),
    "fields": Made(np.ndarray, ((1,), Made(np.dtype, *FIELDS), POINTER)),
    "size": rebuilt(1, (1,), Made(np.dtype, ("S1", False, True), LYING.parts[2]), False, POINTER),
    "fewer objects than the shape": rebuilt(1, (5,), np.dtype("O"), False, [1, 2]),
    "larger than any memory": rebuilt(1, (2**61, 2**61), np.dtype("u1"), False, b""),
    "less than nothing": rebuilt(1, (-1,), np.dtype("f8"), False, POINTER),
    "scalar": Made(np._core.multiarray.scalar, (np.dtype("O"), POINTER)),
}


def as_npy(path: Path, content: bytes, shape: tuple[int, ...] = (1,)) -> Path:
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|O", "fortran_order": False, "shape": shape}
        )
        stream.write(content)
    return path


@pytest.mark.parametrize("name", list(FORGED))
def test_a_forged_array_is_refused(tmp_path: Path, name: str) -> None:
    path = as_npy(tmp_path / "boxes.npy", pickle.dumps(FORGED[name], 4))
    with pytest.raises(VadbenchError, match=r"boxes\.npy: (refused|not a whole)"):
        load_array(path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_honest_arrays_of_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    cell = np.empty(3, object)
    cell[:] = [np.ones((2, 4), ">f4"), np.zeros((0, 4)), [1, 2.5, "words"]]
    content = pickle.dumps(cell, protocol)
    if protocol == 2:
        content = content.replace(b"numpy._core", b"numpy.core")
        with pytest.raises(VadbenchError, match="it names _codecs"):
            load_array(as_npy(tmp_path / "a.npy", content, (3,)))
        return
    values = load_array(as_npy(tmp_path / "a.npy", content, (3,)))
    assert type(values) is np.ndarray
    np.testing.assert_array_equal(values[0], np.ones((2, 4)))
    assert values[1].shape == (0, 4)
    assert values[2] == [1, 2.5, "words"]


FUZZ = """
import random, resource, sys
from pathlib import Path
from vadbench.arrays import load_array
from vadbench.errors import VadbenchError
from vadbench.objects.importing import read_boxes
from vadbench.teachers.depth.dpt import _check_config

resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
path, content = Path(sys.argv[1]), Path(sys.argv[1]).read_bytes()
chance, kept = random.Random(0), 0
for number in range(400):
    spoiled = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        spoiled[chance.randrange(60, len(spoiled))] = chance.randrange(256)
    path.write_bytes(spoiled)
    try:
        kept += load_array(path).size > 0
    except VadbenchError:
        pass
print(kept)
"""


def test_no_damage_to_a_file_of_arrays_crashes(tmp_path: Path) -> None:
    cell = np.empty(4, object)
    cell[:] = [np.arange(4 * n, dtype=np.float32).reshape(n, 4) for n in range(4)]
    np.save(tmp_path / "boxes.npy", cell, allow_pickle=True)
    result = subprocess.run(
        [sys.executable, "-c", FUZZ, tmp_path / "boxes.npy"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    # Some bytes are numbers, which may be any.
    assert 0 < int(result.stdout) < 300


@pytest.mark.parametrize("ending", ["pth", "ckpt", "pkl"])
def test_weights_that_would_run_something_are_refused(tmp_path: Path, ending: str) -> None:
    path, content = tmp_path / f"net.{ending}", {"weight": Evil(tmp_path / "owned")}
    if ending == "pkl":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(VadbenchError, match=rf"net\.{ending}: cannot be loaded as weights"):
        load_weights(nn.Linear(2, 2), path)
    assert not (tmp_path / "owned").exists()


# Files that claim or unpack to more than there is


def test_an_array_that_is_not_all_there_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "labels.npy"
    with path.open("wb") as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(VadbenchError, match="the header says 8000000000000 bytes, and 0 follow"):
        load_array(path)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path, lengths = tmp_path / "labels.npz", {"01": 60, "02": 40}
    np.savez_compressed(path, gt=np.zeros(50_000_000, np.uint8))
    assert path.stat().st_size < 100_000
    with pytest.raises(VadbenchError, match=r"labels\.npz: 'gt\.npy' unpacks to 50000128 bytes"):
        read_label_file(path, lengths)
    np.savez_compressed(path, gt=np.arange(100) > 80)
    assert read_label_file(path, lengths)["02"].sum() == 19
    np.savez(path, gt=np.array([Evil(tmp_path / "owned")]))
    with pytest.raises(VadbenchError, match=r"labels\.npz: cannot be read as one number a frame"):
        read_label_file(path, lengths)
    assert not (tmp_path / "owned").exists()


def test_a_matlab_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path, lengths = tmp_path / "gt.mat", {"01": 60, "02": 40}
    cell = np.empty((1, 2), object)
    cell[0] = [np.array([[3], [9]]), np.zeros((2, 0))]
    savemat(path, {"gt": cell}, do_compression=True)
    assert read_label_file(path, lengths)["01"].sum() == 7
    savemat(path, {"gt": cell, "more": np.zeros(50_000_000, np.uint8)}, do_compression=True)
    assert path.stat().st_size < 100_000
    with pytest.raises(VadbenchError, match=r"gt\.mat: unpacks to more than the \d+ bytes"):
        read_label_file(path, lengths)


@pytest.mark.parametrize("read", ["labels", "results", "index", "network"])
def test_lists_in_lists_in_lists_are_a_message(tmp_path: Path, read: str) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000)
    with pytest.raises(VadbenchError, match=r"deep\.json"):
        if read == "labels":
            read_label_file(path, {"01": 3})
        elif read == "results":
            list(read_results(path, {"01": 3}))
        elif read == "network":
            _check_config(path)
        else:
            load_json(path)


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("labels.csv", b"clip,first,last\n\xe9t\xe9,1,2\n", read_label_file),
        ("labels.csv", b"clip,label\n\xe9t\xe9,1\n", read_label_file),
        ("labels.json", b'{"\xe9t\xe9": [1]}', read_label_file),
        ("labels.m", b"x{end+1}.gt_frame = [\xe9];", read_label_file),
        ("boxes.json", b'[{"image_id": "\xe9t\xe9/0"}]', read_boxes),
        ("boxes/01.csv", b"frame,x1,y1,x2,y2,kind\n0,1,1,2,2,\xe9t\xe9\n", read_boxes),
    ],
)
def test_text_that_is_not_utf_8_is_a_message(
    tmp_path: Path, name: str, content: bytes, read: Callable[..., object]
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(VadbenchError, match=path.name):
        read(path if path.parent == tmp_path else path.parent, {"01": 3})


def png(width: int, height: int) -> bytes:
    """A picture that has next to nothing of the pixels that it announces."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b"")]
    )


def test_a_picture_larger_than_any_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(png(60_000, 60_000))
    with pytest.raises(VadbenchError, match=r"0\.png: clip .*, frame 0: cannot be decoded"):
        ImageClip(tmp_path).frame(0)


# HDF5 that leads elsewhere


def outside(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "secret.txt").write_text(SECRET.ljust(60))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["flow"] = np.zeros((1, 2, 2, 2), np.float16)
    return tmp_path / "secret.txt", tmp_path / "other.h5"


def redirect(file: h5py.File, name: str, how: str, tmp_path: Path, shape: tuple[int, ...]) -> None:
    secret, other = outside(tmp_path)
    del file[name]
    if how == "external link":
        file[name] = h5py.ExternalLink(str(other), "flow")
    elif how == "soft link":
        file["real"] = np.zeros(shape, np.float16)
        file[name] = h5py.SoftLink("/real")
    elif how == "other file's bytes":
        file.create_dataset(
            name, shape, np.float16, external=[(str(secret), 0, h5py.h5f.UNLIMITED)]
        )
    elif how == "virtual":
        layout = h5py.VirtualLayout(shape, np.float16)
        layout[:] = h5py.VirtualSource(str(other), "flow", shape)
        file.create_virtual_dataset(name, layout)
    elif how == "references":
        file.create_dataset(name, shape, h5py.ref_dtype)
    elif how == "other numbers":
        file[name] = np.zeros(shape, np.float64)
    else:
        file.create_group(name)


WAYS = ["external link", "soft link", "other file's bytes", "virtual", "references", "group"]


@pytest.mark.parametrize("how", [*WAYS, "other numbers"])
def test_an_artefact_does_not_lead_elsewhere(tmp_path: Path, how: str) -> None:
    path, shape = tmp_path / "a.h5", (1, 2, 2, 2)
    with ArtefactWriter(path, "flow", Identity("d", "train", "c"), 1, settings={}) as writer:
        writer.put("flow", np.zeros(shape))
    with open_artefact(path) as artefact:
        assert artefact["flow"].shape == shape
    with h5py.File(path, "r+") as file:
        redirect(file, "flow", how, tmp_path, shape)
    with pytest.raises(VadbenchError, match=r"a\.h5: (not written by vadbench|holds no 'flow')"):
        with open_artefact(path) as artefact:
            artefact["flow"]


@pytest.mark.parametrize("how", WAYS)
def test_masks_of_matlab_do_not_lead_elsewhere(tmp_path: Path, how: str) -> None:
    path = tmp_path / "1_label.mat"
    with h5py.File(path, "w") as file:
        file["mask"] = np.ones((2, 2), np.float16)
        if how in {"other file's bytes", "virtual"}:
            redirect(file, "mask", how, tmp_path, (2, 2))
        cell = np.empty((1, 1), h5py.ref_dtype)
        cell[0, 0] = file["mask"].ref
        file.create_dataset("volLabel", data=cell, dtype=h5py.ref_dtype)
        if how not in {"other file's bytes", "virtual"}:
            redirect(file, "volLabel", how, tmp_path, (1, 1))
    with pytest.raises(VadbenchError, match=r"1_label\.mat:.* cannot be read as Avenue's masks"):
        open_volume(path)[1](0)


@pytest.mark.parametrize("attribute", ["n_frames", "settings", "inputs", "kind"])
def test_attributes_of_another_kind_are_a_message(tmp_path: Path, attribute: str) -> None:
    path = tmp_path / "a.h5"
    with ArtefactWriter(path, "flow", Identity("d", "train", "c"), 1, settings={}) as writer:
        writer.put("flow", np.zeros((1, 2, 2, 2)))
    for value in (np.array([1, 2]), "[" * 100_000, h5py.Empty("f4")):
        with h5py.File(path, "r+") as file:
            file.attrs[attribute] = value[:60_000] if isinstance(value, str) else value
        with pytest.raises(VadbenchError, match=r"a\.h5: "):
            with open_artefact(path, "flow"):
                pass


# YAML


def test_a_configuration_that_would_run_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"datasets: !!python/object/apply:os.mkdir ['{tmp_path}/owned']\n")
    with pytest.raises(VadbenchError, match=r"config\.yaml: not valid YAML"):
        read_config_file(path)
    path.write_text("__use_yte__: true\n?__import__('os').mkdir('owned'): 1\n")
    with pytest.raises(VadbenchError, match="__use_yte__: unknown key"):
        read_config_file(path)
    assert not (tmp_path / "owned").exists()


def test_aliases_of_aliases_of_aliases_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    path.write_text("\n".join([*lines, "seeds: *a11", "datasets: {}", "methods: {}"]))
    with pytest.raises(VadbenchError, match=r"config\.yaml: unfolds to \d{10,} values"):
        read_config_file(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: [0]\nbudget: cpu\nseeds: [1]\n", "seeds is there twice"),
        ("flow: {a: {backend: dis}, a: {backend: farneback}}\n", "a is there twice"),
        ("memory_gb: 2024-13-45\n", "not valid YAML"),
        (f"memory_gb: {'9' * 5000}\n", "not valid YAML"),
        (
            "a0: &a0 {k: 1}\n"
            + "".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 9}]}}\n" for n in range(1, 12)),
            "merges to more keys than",
        ),
    ],
)
def test_yaml_that_reads_otherwise_than_it_looks_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(VadbenchError, match=message):
        read_config_file(path)


def test_a_key_may_replace_one_that_it_merges(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: &a {k: 1, m: 2}\nb: &b {<<: *a, k: 3}\nc: {<<: *b, m: 4}\n")
    assert read_yaml(path)["c"] == {"k": 3, "m": 4}


@pytest.mark.parametrize("name", ["a\n", "a/b", "../a", "a b", "$(id)", "a;b", "", ".a", "a{b}"])
def test_names_in_a_configuration_are_plain(name: str) -> None:
    with pytest.raises(VadbenchError, match=r"flow\.|datasets"):
        load_config(
            {
                "datasets": {"walkway": {"family": "walkway"}},
                "flow": {name: {"backend": "farneback"}},
                "methods": {"baselines": {"cubes": "stc"}},
            }
        )


# Names of files


def own_videos(root: Path, name: str) -> None:
    for split in ("train", "test"):
        clip = root / "own" / split / name
        clip.mkdir(parents=True)
        picture = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
        (clip / "0.png").write_bytes(picture)


@pytest.mark.parametrize(
    "name",
    ["a\nb", "a;b", "$(touch x)", "`id`", "a'b", 'a"b', "a|b", "a&b", "a\\b", "{clip}", "a*",
     "a\x1b[2Jb", "a,b=c", "a:b", "<b>", "a\u202eb", "a\udcffb", "#a", "%s", "~root", "a\tb"],
)  # fmt: skip
def test_clips_named_to_harm_are_refused(tmp_path: Path, name: str) -> None:
    own_videos(tmp_path, name)
    with pytest.raises(VadbenchError, match="in its name; rename it") as raised:
        folder.list_clips(FolderSection(path="own"), tmp_path)
    text = str(raised.value)
    assert text.isprintable()
    assert text.encode()


@pytest.mark.parametrize(
    "name", ["Überwachung (2)", "カメラ 1", "e\u0301te", "a.b-c+d@e", "01_0014"]
)
def test_clips_with_honest_names_are_taken(tmp_path: Path, name: str) -> None:
    own_videos(tmp_path, name)
    assert folder.list_clips(FolderSection(path="own"), tmp_path)["test"] == [name]


def test_messages_say_what_they_quote_in_plain_signs() -> None:
    error = VadbenchError("one\ntwo \x1b]0;title\x07 three \udcff four \r\u202e")
    assert str(error) == "one\ntwo \\x1b]0;title\\x07 three \\udcff four \\r\\u202e"


# A lack of memory


def test_a_job_that_lacks_memory_says_so(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import resource
        from vadbench.logs import job_log
        with job_log({str(tmp_path / "job.log")!r}):
            import numpy as np
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
            np.zeros(1 << 40)
        """
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, check=False, text=True)
    assert result.returncode == 1
    for text in (result.stderr, (tmp_path / "job.log").read_text()):
        assert "out of memory; give the job more" in text
        assert "Traceback" not in text
