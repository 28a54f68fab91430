import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import PROJECT
from tests.workflow.test_kills import EVERYTHING
from tests.workflow.test_staleness import CONFIG
from vadbench import datasets
from vadbench import plan as planning
from vadbench.artefacts import fingerprint as module
from vadbench.artefacts.fingerprint import (
    PLUMBING,
    covered,
    fingerprint,
    script_fingerprint,
)
from vadbench.config import load_config
from vadbench.jobs import Jobs, rules_of
from vadbench.methods import get_method, method_names
from vadbench.plan import Plan, Run

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
        ("top.py", f"import logging\nlog = logging.getLogger(__name__)\n{TREE['top.py']}", True),
        ("top.py", f"import logging\nlog = logging.getLogger('lib')\n{TREE['top.py']}", False),
        # Python runs the first before lib.leaf, and the second in its place.
        ("__init__.py", "import os\nos.environ['OMP_NUM_THREADS'] = '1'\n", False),
        ("leaf/__init__.py", "K = 2\n", False),
    ],
)
def test_only_code_that_computes_counts(tree: Path, name: str, text: str, same: bool) -> None:
    before = value()
    (tree / name).parent.mkdir(exist_ok=True)
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
    other.add("vadbench.training.progress")
    assert not other & set(covered(*method.train_code))


def test_weights_do_not_depend_on_labels_and_protocols() -> None:
    modules = covered(*get_method("hf2vad").train_code)
    assert "vadbench.networks.memory" in modules
    others = ("scoring.evaluate", "scoring.protocol", "scoring.metrics")
    for other in (*others, "datasets.labels", "datasets.intervals"):
        assert f"vadbench.{other}" not in modules


def covered_by_jobs(family: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The modules that jobs on a data set of a family cover, by rule."""
    monkeypatch.setattr(planning, "fingerprint", lambda *roots: " ".join(["modules", *roots]))
    monkeypatch.setattr(Plan, "clips", lambda *_: {"train": ["a"], "test": ["b"]})
    monkeypatch.setattr(Plan, "_state", lambda *_: {"train/a": "", "labels": ""})
    monkeypatch.setattr(Plan, "contents", lambda *_: {})
    section = {"family": family} | ({"path": "own"} if family == "folder" else {})
    plan = Plan(load_config(CONFIG | {"datasets": {"own": section}}))
    params = {
        "check_clip": plan.clip_params("own", "train", "a"),
        "compute_flow": plan.flow_params("own", "farneback"),
        "segment": plan.segmentation_params("own", "rcnn"),
        "find_objects": plan.objects_params("own", "both"),
        "cut_cubes": plan.cubes_params("own", "stc"),
        "score": plan.score_params(Run("own", "hf2vad", "full", 0)),
        "index": plan.index_params("own"),
        "find_regions": plan.regions_params("own"),
    }
    return {rule: set(covered(*roots_in(job))) for rule, job in params.items()}


OF_FRAMES = ("check_clip", "compute_flow", "segment", "find_objects", "cut_cubes", "score")


@pytest.mark.parametrize("family", datasets.FAMILIES)
def test_only_what_needs_labels_covers_what_reads_them(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = covered_by_jobs(family, monkeypatch)
    own = datasets.LABELS[family]
    for rule in ("index", "find_regions"):
        assert own in found[rule], rule
    others = {"vadbench.datasets.index", "vadbench.datasets.intervals", "vadbench.vectors"}
    for rule in OF_FRAMES:
        assert datasets.FAMILIES[family] in found[rule], rule
        reading = {name for name in found[rule] if name.startswith("vadbench.datasets.labels")}
        assert not reading | others & found[rule], rule


@pytest.mark.parametrize("family", datasets.FAMILIES)
def test_jobs_cover_no_other_family_and_no_settings_of_one(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = (datasets.FAMILIES, datasets.LABELS)
    others = {own[name] for own in modules for name in own if name != family}
    others.add("vadbench.datasets.sections")
    for rule, found in covered_by_jobs(family, monkeypatch).items():
        assert not others & found, rule


def test_a_clip_is_checked_with_its_own_familys_decoder_alone() -> None:
    decoders = {"vadbench.datasets.images", "vadbench.datasets.videos"}
    assert not {*decoders, "vadbench.datasets.families"} & set(covered("vadbench.datasets.check"))
    assert decoders & set(covered("vadbench.datasets.ucsd"))


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("log.info('%d of %s', len(K), str(K))", True),
        ("log.info('%s', next(K))", False),
        # It would use an iterator up.
        ("log.info('%s', sorted(K))", False),
    ],
)
def test_a_line_that_logs_counts_if_it_may_do_more(tree: Path, line: str, same: bool) -> None:
    before = value()
    text = TREE["middle.py"].replace("    return K", f"    {line}\n    return K")
    (tree / "middle.py").write_text(text)
    assert (value() == before) is same


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


SETTINGS = """
import pydantic
from pydantic import Field, Field as Setting

class S(pydantic.BaseModel):
    a: int = Field(3, gt=0, description="how many", title="A", examples=[3, 4])
    b: int = Setting(3, description=f"as {N}")
    c: int = pydantic.Field(3, description="a third")
    d: int = other(3, description="counts")
    e: int = Field(3, description=stated())
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("how many", "the number", True),
        (', title="A", examples=[3, 4]', ', title="B", examples=[5]', True),
        (', description="how many", title="A", examples=[3, 4]', "", True),
        ("as {N}", "like {N}", True),
        ("a third", "the third", True),
        ("gt=0", "gt=1", False),
        ("Field(3, gt", "Field(4, gt", False),
        ("counts", "counts too", False),
        ("stated()", "stated(1)", False),
        ("from pydantic import Field,", "from elsewhere import Field,", False),
    ],
)
def test_words_that_describe_a_setting_do_not_count(
    tmp_path: Path, old: str, new: str, same: bool
) -> None:
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(SETTINGS)
    after.write_text(SETTINGS.replace(old, new))
    assert after.read_text() != SETTINGS
    assert (script_fingerprint(before) == script_fingerprint(after)) is same


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
        plan = Plan(load_config(config))
        rules = rules_of(plan)
        for job in Jobs(plan):
            script = rules[job.rule].script
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
