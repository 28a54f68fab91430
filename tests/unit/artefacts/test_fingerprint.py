import sys
from pathlib import Path

import pytest

from vadbench.artefacts import fingerprint as module
from vadbench.artefacts.fingerprint import PLUMBING, covered, fingerprint
from vadbench.methods import get_method

TREE = {
    "__init__.py": "",
    "top.py": "import lib.middle\n\ndef f():\n    '''Doc.'''\n    return lib.middle.g()\n",
    "middle.py": "def g():\n    from lib.leaf import K\n    return K\n",
    "leaf.py": "K = 1\n'''What K is.'''\n",
    "other.py": "X = 1\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()
    for name, text in TREE.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("lib", None)
    return folder


def value() -> str:
    for function in (module.fingerprint, module._parsed, module._source):
        function.cache_clear()
    return fingerprint("lib.top")


@pytest.mark.parametrize(
    ("name", "text", "same"),
    [
        ("top.py", TREE["top.py"].replace("Doc.", "Another."), True),
        ("top.py", "# a comment\n" + TREE["top.py"].replace("return  ", "return "), True),
        ("leaf.py", "K = 1\n'''Other words.'''\n", True),
        ("other.py", "X = 2\n", True),
        ("leaf.py", "K = 2\n", False),
        ("middle.py", TREE["middle.py"].replace("return K", "return K + 1"), False),
        ("top.py", TREE["top.py"] + "\ndef h():\n    return 1\n", False),
    ],
)
def test_only_code_that_computes_counts(tree: Path, name: str, text: str, same: bool) -> None:
    before = value()
    (tree / name).write_text(text)
    assert (value() == before) is same


@pytest.mark.parametrize(
    "kept", [None, b"", b"[]", b'{"by": "another version", "found": [["k", ["d", []]]]}', b'{"by"']
)
def test_what_is_kept_never_changes_a_fingerprint(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bytes | None
) -> None:
    expected = value()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = module._Kept()._path
    if kept is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(kept)
    for _ in range(2):  # The second time nothing is parsed.
        monkeypatch.setattr(module, "_KEPT", module._Kept())
        assert value() == expected
        assert not list(path.parent.glob("*.part"))
    monkeypatch.setattr(module.ast, "parse", None)
    monkeypatch.setattr(module, "_KEPT", module._Kept())
    assert value() == expected


def test_a_cache_folder_that_is_read_only_is_no_error(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = value()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(module, "_KEPT", module._Kept())
    assert value() == expected


def test_weights_do_not_depend_on_labels_and_protocols() -> None:
    modules = covered(*get_method("hf2vad").train_code)
    assert "vadbench.networks.memory" in modules
    for other in ("scoring.evaluate", "scoring.protocol", "scoring.metrics", "datasets.labels"):
        assert f"vadbench.{other}" not in modules


def test_every_excluded_module_exists() -> None:
    assert all(module._source(name) is not None for name in PLUMBING)


def test_an_unknown_root_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        fingerprint("vadbench.nowhere")
