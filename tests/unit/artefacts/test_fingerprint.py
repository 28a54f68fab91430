import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import PROJECT
from tests.workflow.test_kills import EVERYTHING
from vadbench import plan as planning
from vadbench.artefacts import fingerprint as module
from vadbench.artefacts.fingerprint import (
    PLUMBING,
    covered,
    fingerprint,
    script_fingerprint,
)
from vadbench.config import load_config
from vadbench.jobs import Jobs
from vadbench.methods import get_method, method_names
from vadbench.plan import Plan

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


@pytest.mark.parametrize("name", method_names())
def test_training_covers_nothing_that_scores_or_draws(name: str) -> None:
    method = get_method(name)
    other = {*method.score_code, *method.explain_code, "vadbench.training.scoring"}
    other |= {"vadbench.scoring.scores", "vadbench.training.panels", "vadbench.training.inference"}
    assert not other & set(covered(*method.train_code))


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


SOURCE = b"""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere import Name


class A:
    '''Doc.'''

    x: "Name | None" = None


def f(a, *b, c=(1, -2.5), **d):
    with open(a) as stream, g():
        return [f"{i!r:>{c}} \xc3\xa9" for i in stream if i not in d] or ...
"""


def test_a_fingerprint_is_the_same_under_every_python(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_bytes(SOURCE)
    assert script_fingerprint(path) == "f4b76318ce9ccdb8"


def test_what_only_type_checkers_read_does_not_count(tree: Path) -> None:
    before = value()
    lines = "if TYPE_CHECKING:\n    from lib.other import X\nelse:\n    Y = 1\n"
    (tree / "top.py").write_text(TREE["top.py"] + lines)
    assert value() != before
    assert "lib.other" not in covered("lib.top")
    (tree / "top.py").write_text(TREE["top.py"] + lines.partition("else")[0])
    assert value() == before


def roots_in(values: Any) -> Iterator[str]:
    if isinstance(values, str) and values.startswith("modules "):
        yield from values.split()[1:]
    elif isinstance(values, dict | list | tuple):
        for item in values.values() if isinstance(values, dict) else values:
            yield from roots_in(item)


def everything() -> Iterator[dict[str, Any]]:
    """Configurations that have every rule, and among them every backend that a script knows."""
    folders = {"train": ".", "test": "."}
    for segmentation, depth, objects, selection in (
        ({"backend": "annotations"}, "annotations", "union", "last"),
        ({"backend": "motion"}, "dpt", "import", "best_test"),
        ({"backend": "maskrcnn"}, "plane", "frame", "last"),
        ({"backend": "import", "import_path": folders}, "annotations", "union", "last"),
    ):
        config = copy.deepcopy(EVERYTHING) | {"selection": selection}
        config["segmentation"]["annotations"] = segmentation
        config["depth"]["annotations"] = {"backend": depth}
        config["objects"]["both"] |= {"source": objects, "import_path": folders}
        yield config


def test_what_a_script_imports_is_in_the_fingerprint_of_its_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "fingerprint", lambda *roots: " ".join(["modules", *roots]))
    monkeypatch.setattr(Plan, "foreign", lambda *_: {})
    found: dict[str, set[str]] = {}
    for config in everything():
        jobs = Jobs(Plan(load_config(config)))
        for job in jobs:
            script = jobs._rules[job.rule].script
            found.setdefault(script, set()).update(roots_in(job.params))
    scripts = {path.stem: path for path in (PROJECT / "workflow/scripts").glob("*.py")}
    del scripts["audit"]  # It has no parameters: an audit that is asked for is always made.
    assert found.keys() == scripts.keys()
    # Of it most scripts only take how a JSON record is read.
    reading = set(covered("vadbench.datasets.index"))
    for script, roots in found.items():
        tree = ast.parse(scripts[script].read_bytes())
        names = module._imports(tree, script, is_package=False)
        imported = covered(*(name for name in names if module._source(name) is not None))
        assert not set(imported) - set(covered(*roots)) - reading, script
