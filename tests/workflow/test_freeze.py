import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import SMALL, Tree
from vadbench.artefacts import file_digest, open_artefact
from vadbench.errors import VadbenchError
from vadbench.freeze import freeze

TARGET = "results/walkway/flow/farneback/test/test01.h5"


def test_a_frozen_run_computes_with_the_code_that_it_was_started_with(
    finished: Tree, tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "project")
    library = tree.copy_library()
    frozen = tmp_path / "campaign"
    said = tree.vadbench("freeze", str(frozen)).stdout
    assert f"cd {frozen} && snakemake --cores all" in said
    process = subprocess.Popen(
        tree.command(TARGET),
        cwd=frozen,
        env=tree.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    scene = tree.folder / "results/walkway/scene/test/test01.h5"
    while not scene.exists() and process.poll() is None:
        time.sleep(0.05)
    # The first of three jobs is done; from here on the tree is another one.
    farneback = library / "teachers/flow/farneback.py"
    farneback.write_text(farneback.read_text().replace("return flow\n", "return flow + 1\n"))
    (library / "datasets/index.py").write_text("raise RuntimeError('edited')\n")
    (tree.folder / "workflow/scripts/compute_flow.py").write_text("raise RuntimeError('edited')\n")
    (tree.folder / "workflow/rules/common.smk").write_text("raise RuntimeError('edited')\n")
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    with open_artefact(tree.folder / TARGET) as artefact:
        code = artefact.code
    assert file_digest(tree.folder / TARGET) == file_digest(finished.folder / TARGET)
    with open_artefact(finished.folder / TARGET) as artefact:
        assert artefact.code == code
    # Where the tree is as it was but for the estimator, it says so.
    for name in ("datasets/index.py",):
        (library / name).write_text((frozen / "src/vadbench" / name).read_text())
    for name in ("workflow/scripts/compute_flow.py", "workflow/rules/common.smk"):
        (tree.folder / name).write_text((frozen / name).read_text())
    status = json.loads(tree.vadbench("status", "--why", TARGET, "--json").stdout)
    assert status["reruns"] == dict(tree.planned(TARGET)) == {"compute_flow": 1}
    assert "vadbench.teachers.flow.farneback" in status["causes"][0]
    # In the copy the command looks with the copy's library.
    command = [sys.executable, "-m", "vadbench", "status", "--why", TARGET, "--json"]
    shown = subprocess.run(
        command, cwd=frozen, env=tree.environment, capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout)["reruns"] == {}


def test_a_frozen_copy_never_changes(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "project")
    (tree.folder / "mine.yaml").write_text("seeds: [1]\n")
    (copied,) = freeze(tmp_path / "campaign", [Path("mine.yaml")], tree.folder)
    assert copied == tmp_path / "campaign/mine.yaml"
    assert copied.stat().st_mode & 0o222 == 0
    assert (tmp_path / "campaign/results").resolve() == (tree.folder / "results").resolve()
    with pytest.raises(VadbenchError, match="campaign is there already"):
        freeze(tmp_path / "campaign", (), tree.folder)
    with pytest.raises(VadbenchError, match="has no Snakefile"):
        freeze(tmp_path / "other", (), tmp_path)
    with pytest.raises(VadbenchError, match="lies in what is copied; take a folder outside work"):
        freeze(tree.folder / "workflow/frozen", (), tree.folder)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["campaign", "project"]


def test_what_a_configuration_names_is_there_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(tmp_path / "project")
    (tree.folder / "mine/boxes").mkdir(parents=True)
    boxes = {"source": "import", "import_path": {"train": "mine/boxes", "test": "mine/boxes"}}
    tree.configure(SMALL | {"objects": {"both": boxes}})
    freeze(tmp_path / "campaign", (), tree.folder)
    assert (tmp_path / "campaign/mine/boxes").resolve() == tree.folder / "mine/boxes"
    monkeypatch.setenv("VADBENCH_DATA", "../elsewhere")
    with pytest.raises(VadbenchError, match=r"VADBENCH_DATA is \.\./elsewhere, .* absolute"):
        freeze(tmp_path / "other", (), tree.folder)


def test_configurations_from_elsewhere_are_frozen_too(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "project")
    for path in ("a.yaml", "there/a.yaml", "b.yaml"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("seeds: [1]\n")
    given = ["../a.yaml", str(tmp_path / "b.yaml"), str(tree.folder / "config.yaml")]
    said = tree.vadbench("freeze", "../campaign", "--config", *given).stdout
    assert "--configfile configs/a.yaml configs/b.yaml config.yaml\n" in said
    for name in ("configs/a.yaml", "configs/b.yaml"):
        assert (tmp_path / "campaign" / name).stat().st_mode & 0o222 == 0
    elsewhere = [Path("../a.yaml"), Path("../there/a.yaml")]
    with pytest.raises(VadbenchError, match=r"another configs/a\.yaml in the copy"):
        freeze(tmp_path / "other", elsewhere, tree.folder)
    with pytest.raises(VadbenchError, match=r"nope\.yaml: no such file"):
        freeze(tmp_path / "other", [Path("nope.yaml")], tree.folder)
    assert not [item for item in tmp_path.iterdir() if "other" in item.name]
