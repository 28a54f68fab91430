"""Proof by injection: whatever is done to a finished tree is found, and nothing else is."""

import copy
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import SMALL, Tree
from vadbench.artefacts import ArtefactWriter, open_artefact
from vadbench.artefacts.facts import facts_of, write_listing
from vadbench.artefacts.seal import EMPTY, seal_file
from vadbench.audit import Report, audit, descendants, list_files, remove
from vadbench.config import load_config
from vadbench.plan import Plan
from vadbench.report.table import write_table

FLOW = Path("results/walkway/flow/farneback/test")
RUN = Path("results/walkway/hf2vad/full/seed0")
OTHER = Path("results/walkway/hf2vad/no_frame_prediction/seed0")


@pytest.fixture(scope="module")
def whole(finished: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tree that tests damage and mend."""
    folder = tmp_path_factory.mktemp("audit") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return folder


@pytest.fixture
def plan(whole: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(whole)
    return Plan(load_config(yaml.safe_load(Path("config.yaml").read_text())), Path("data"))


def unsound(plan: Plan, *paths: Path) -> Report:
    return audit(paths or [Path("results")], plan)


def test_an_intact_tree_is_sound(plan: Plan) -> None:
    report = unsound(plan)
    assert report.findings == []
    assert report.notes == []
    kinds = {"scene": 4, "flow": 4, "segmentation": 4, "objects": 4, "cubes": 4}
    for folder, count in kinds.items():
        assert len(list(Path("results/walkway", folder).rglob("*.h5"))) == count
    assert report.files[".h5"] == sum(kinds.values()) + 3 + 6
    assert report.files[".safetensors"] == 3
    # Clips, index, metrics, costs; and listings of curves, thumbnails, tables and the report.
    assert report.files[".json"] == 4 + 1 + 3 + 2 + 3 + 3
    assert report.files[".html"] == 1
    assert report.files[".csv"] == 4
    assert report.files[".png"] == 6


@pytest.mark.parametrize("flips", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_found(plan: Plan, flips: int) -> None:
    rng = random.Random(flips)
    files = [*list_files([Path("results")]), *Path("results/tables").glob("*.sha256")]
    missed = []
    # One of every kind of file at least, whatever chance says.
    kinds = list({path.suffix: path for path in files}.values())
    for path in kinds + rng.choices(files, k=flips - len(kinds)):
        content = path.read_bytes()
        place, bit = rng.randrange(len(content)), rng.randrange(8)
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        seen = path.with_suffix("") if path.suffix == ".sha256" else path
        if not unsound(plan, seen).findings:
            missed.append(f"{path}: byte {place}, bit {bit}")
        path.write_bytes(content)
    assert not missed
    assert not unsound(plan).findings


def _truncate(share: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return cut


def _swap(path: Path) -> None:
    other = path.with_name(path.name.replace("01", "02"))
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


def _reseal(path: Path) -> None:
    """Seals a file anew, as somebody would who knows how."""
    with open(path, "r+b") as stream:
        stream.write(EMPTY.encode())
    seal_file(path)


def _edit_attribute(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["code"] = "0123456789abcdef"
    _reseal(path)


def _edit_setting(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["settings"] = str(file.attrs["settings"]).replace("15", "13")
    _reseal(path)


def _edit_values(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["flow"][3, 4, 5] = 7
    _reseal(path)


def _made_anew(path: Path, *, backend: str = "dis", code: str = "", shift: float = 0) -> None:
    """A whole and sealed artefact of other settings, of the kind that a copy from elsewhere is."""
    with open_artefact(path) as artefact:
        flow, owner = artefact["flow"][:], artefact.identity
        settings, inputs = artefact.settings, list(artefact.inputs)
        with ArtefactWriter(
            path,
            "flow",
            owner,
            len(flow),
            settings=settings | {"backend": backend},
            inputs=inputs,
            code=code or artefact.code,
        ) as writer:
            writer.put("flow", flow + shift)


def _other_numbers(path: Path) -> None:
    """A table with its checksum, listed as whole, that no metrics give."""
    table = pd.read_csv(path)
    write_table(table.assign(**{"mean" if "mean" in table else "value": 0.9}), path)
    facts = facts_of(path.with_name("contents.json"))
    assert facts is not None
    write_listing(path.parent, map(Path, facts["inputs"]), facts["code"], facts["settings"])


def _garbage_without_numbers(path: Path) -> None:
    path.write_text("| method | AUC |\n")
    path.with_suffix(".csv").unlink()


INJECTIONS = {
    "truncated": (FLOW / "test01.h5", _truncate(0.5), {FLOW / "test01.h5"}),
    "empty": (RUN / "flow.safetensors", _truncate(0), {RUN / "flow.safetensors"}),
    "swapped": (FLOW / "test01.h5", _swap, {FLOW / "test01.h5", FLOW / "test02.h5"}),
    "swapped scores": (
        RUN / "scores/test.h5",
        lambda path: shutil.copy(path.with_name("train.h5"), path),
        {RUN / "scores/test.h5", RUN / "metrics.json"},
    ),
    "weights of another stage": (
        RUN / "cvae.safetensors",
        lambda path: shutil.copy(path.with_name("finetune.safetensors"), path),
        {RUN / "cvae.safetensors", RUN / "scores/train.h5"},
    ),
    "another setting": (
        FLOW / "test01.h5",
        _made_anew,
        {FLOW / "test01.h5", Path("results/walkway/cubes/stc/test/test01.h5")},
    ),
    "swapped pictures": (
        RUN / "curves/test01.png",
        _swap,
        {RUN / "curves/test01.png", RUN / "curves/test02.png"},
    ),
    "curves of another variant": (
        RUN / "curves/contents.json",
        lambda path: shutil.copytree(OTHER / "curves", path.parent, dirs_exist_ok=True),
        {RUN / "curves/contents.json"},
    ),
    "the cost of another variant": (
        RUN.parent / "cost.json",
        lambda path: shutil.copy(OTHER.parent / "cost.json", path),
        {RUN.parent / "cost.json"},
    ),
    "a table of other numbers": (
        Path("results/tables/benchmark.csv"),
        _other_numbers,
        {Path("results/tables/benchmark.csv")},
    ),
    "a short table of other numbers": (
        Path("results/tables/benchmark.md"),
        lambda path: path.write_text("| method | AUC |\n"),
        {Path("results/tables/benchmark.md")},
    ),
    "a summary of other numbers": (
        Path("results/tables/summary.csv"),
        _other_numbers,
        {Path("results/tables/summary.csv")},
    ),
    "a short table without the long one": (
        Path("results/tables/benchmark.md"),
        _garbage_without_numbers,
        {Path("results/tables/benchmark.md"), Path("results/tables/contents.json")},
    ),
    "a report that nothing lists": (
        Path("results/report/contents.json"),
        lambda path: path.unlink(),
        {Path("results/report/index.html")},
    ),
    "a first page that is cut off": (
        Path("results/report/index.html"),
        _truncate(0.5),
        {Path("results/report/index.html")},
    ),
    "garbage in a thumbnail": (
        Path("results/walkway/thumbnails/01.jpg"),
        lambda path: path.write_bytes(b"garbage"),
        {Path("results/walkway/thumbnails/01.jpg")},
    ),
    "a page more": (
        Path("results/report/index.html"),
        lambda path: shutil.copy(path, path.with_name("other.html")),
        {Path("results/report/other.html")},
    ),
    "an edited attribute": (FLOW / "test01.h5", _edit_attribute, {FLOW / "test01.h5"}),
    "an edited setting": (FLOW / "test01.h5", _edit_setting, {FLOW / "test01.h5"}),
    "edited values": (FLOW / "test01.h5", _edit_values, {FLOW / "test01.h5"}),
}


@pytest.mark.parametrize("case", INJECTIONS)
def test_every_injection_is_found_where_it_is(plan: Plan, whole: Path, case: str) -> None:
    path, inject, expected = INJECTIONS[case]
    kept = whole.parent / "kept"
    shutil.copytree(path.parent, kept)
    try:
        inject(path)
        found = {Path(name) for name in unsound(plan).unsound}
    finally:
        shutil.rmtree(path.parent)
        shutil.copytree(kept, path.parent)
        shutil.rmtree(kept)
    assert found >= expected
    # What is not made from the damaged files is not accused.
    assert not any("baselines" in name.parts for name in found if path.parent == RUN)
    assert not any(set(name.parts) & {"scene", "clips", "segmentation"} for name in found)
    assert not unsound(plan).findings


def test_fix_makes_the_next_run_rebuild_exactly_what_is_unsound(tree: Tree) -> None:
    path = tree.folder / FLOW / "test01.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    # Snakemake sees times: nothing tells it of the damage but that this file is newer now.
    before = {item for item in (tree.folder / "results").rglob("*") if item.is_file()}
    listed = tree.vadbench("audit", "--fix", check=False)
    assert listed.returncode == 1
    assert f"would remove  {FLOW / 'test01.h5'}" in listed.stdout
    assert {item for item in (tree.folder / "results").rglob("*") if item.is_file()} == before
    result = tree.vadbench("audit", "--fix", "--remove", "--json", check=False)
    report = json.loads(result.stdout)
    assert (result.returncode, report["sound"]) == (1, False)
    assert {finding["path"] for finding in report["findings"]} == {str(FLOW / "test01.h5")}
    assert not path.exists()
    # The flow of a test clip, its cubes, and what is scored on them; nothing is trained again.
    rebuilt = {"compute_flow": 1, "cut_cubes": 1, "apply_frozen": 1, "score": 3}
    rebuilt |= {"evaluate": 3, "draw_curves": 3, "tabulate": 1, "count_cost": 2, "build_report": 1}
    assert dict(tree.planned()) == rebuilt
    status = json.loads(tree.vadbench("status", "--json").stdout)
    assert status["reruns"] == rebuilt


def test_what_no_configuration_makes_goes_with_what_was_made_from_it(plan: Plan) -> None:
    less = yaml.safe_load(Path("config.yaml").read_text())
    del less["methods"]["baselines"]
    other = Plan(load_config(less), Path("data"))
    run = "results/walkway/baselines/untrained/seed0"
    gone = descendants(other, [f"{run}/metrics.json"])
    assert {f"{run}/metrics.json", f"{run}/curves", "results/tables/benchmark.csv"} <= {*gone}
    assert not any(
        Path(name).is_relative_to(folder) for name in gone for folder in {*gone} - {name}
    )
    # A folder whose listing fits no more is sound in no part.
    gone = descendants(other, [f"{run}/curves/test01.png"])
    assert f"{run}/curves" in gone
    assert f"{run}/curves/test01.png" not in gone


def test_tables_hold_whatever_order_a_configuration_has(plan: Plan) -> None:
    turned = yaml.safe_load(Path("config.yaml").read_text())
    turned["methods"]["hf2vad"]["variants"].reverse()
    assert not audit([Path("results")], Plan(load_config(turned), Path("data"))).findings


def test_an_older_file_in_the_place_of_a_newer_one_is_told_from_what_was_made_of_it(
    plan: Plan,
) -> None:
    flow = FLOW / "test01.h5"
    content = flow.read_bytes()
    _made_anew(flow, backend="farneback", code="0123456789abcdef", shift=1)
    found = {finding.path: finding.problem for finding in unsound(plan).findings}
    flow.write_bytes(content)
    cubes = "results/walkway/cubes/stc/test/test01.h5"
    assert found[str(flow)] == (
        f"is made with other code than those of now, and is not the file that {cubes} was made from"
    )
    assert "was made from" in found[cubes]


def test_what_descends_is_the_files_of_the_jobs_that_run_again(tree: Tree, plan: Plan) -> None:
    for unsound_file in ("results/walkway/index.json", f"{RUN}/curves/test01.png"):
        gone = descendants(plan, [unsound_file])
        copies = [tree.folder / name for name in gone]
        kept = tree.folder.parent / "kept"
        shutil.copytree(tree.folder / "results", kept)
        for item in copies:
            remove(item)
        planned = tree.planned()
        rules = Counter(json.loads(tree.vadbench("status", "--json").stdout)["reruns"])
        assert planned == rules
        assert planned["train"] == planned["score"] == planned["check_clip"] == 0
        expected = {"draw_curves": 1} if "curves" in unsound_file else {"index": 1, "evaluate": 3}
        assert expected.items() <= planned.items()
        shutil.rmtree(tree.folder / "results")
        shutil.move(kept, tree.folder / "results")


def test_tables_of_older_code_are_no_longer_recomputed(plan: Plan, whole: Path) -> None:
    listing = Path("results/tables/contents.json")
    content = listing.read_bytes()
    facts = facts_of(listing)
    assert facts is not None
    try:
        write_listing(listing.parent, map(Path, facts["inputs"]), "older", facts["settings"])
        report = unsound(plan)
    finally:
        listing.write_bytes(content)
    assert not report.findings
    assert report.notes == [
        f"1 files of tabulate were made with other code than those of now, such as {listing}"
    ]


def test_what_another_configuration_made_goes_with_all_that_is_made_from_it(plan: Plan) -> None:
    config = copy.deepcopy(SMALL)
    config["datasets"] = {"other": config["datasets"]["walkway"]}

    def files(knowing: Plan) -> set[Path]:
        gone = map(Path, descendants(knowing, [str(FLOW / "test01.h5")]))
        found = {item for path in gone for item in (path.rglob("*") if path.is_dir() else [path])}
        return {path for path in found if path.is_file() and path.suffix != ".sha256"}

    assert files(Plan(load_config(config))) == files(plan)


def test_absolute_paths_are_those_of_the_project(tree: Tree) -> None:
    curve = tree.folder / RUN / "curves/test01.png"
    curve.write_bytes(curve.read_bytes()[:-20])
    listed = tree.vadbench("audit", "--fix", str(curve.parent), check=False).stdout
    assert f"would remove  {RUN / 'curves'}\n" in listed
    assert "would remove  results/report\n" not in listed
    outside = tree.vadbench("audit", str(tree.folder.parent), check=False)
    assert (outside.returncode, outside.stdout) == (1, "")
    assert "not below results/ of the project" in outside.stderr


def test_results_without_records_say_themselves_what_they_were_made_with(tree: Tree) -> None:
    shutil.rmtree(tree.folder / ".snakemake/metadata")
    assert all(
        state["state"] == "done"
        for state in json.loads(tree.vadbench("status", "--json").stdout)["runs"]
    )
    config = tree.folder / "config.yaml"
    changed = yaml.safe_load(config.read_text())
    changed["flow"]["farneback"]["farneback"] = {"winsize": 9}
    config.write_text(yaml.safe_dump(changed))
    status = json.loads(tree.vadbench("status", "--json").stdout)
    flow = str(FLOW / "test01.h5")
    assert status["artefacts"][flow]["state"] == "stale"
    assert "made with other settings (farneback)" in status["artefacts"][flow]["reasons"][0]
    assert all(run["state"] == "stale" for run in status["runs"])
    report = json.loads(tree.vadbench("audit", "--json").stdout)
    assert report["sound"]
    assert report["notes"] == [
        "4 files of compute_flow were made with other settings (farneback) than those of now, "
        "such as results/walkway/flow/farneback/test/test01.h5"
    ]


def test_an_audit_as_a_job_writes_what_it_found_and_fails_if_anything_is_unsound(
    tree: Tree,
) -> None:
    assert tree.run("audit").returncode == 0
    assert json.loads((tree.folder / "results/audit.json").read_text())["sound"]
    path = tree.folder / RUN / "metrics.json"
    times = path.stat()
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    import os

    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    result = tree.run("audit", check=False)
    assert result.returncode
    assert (
        "metrics.json: a byte of it changed since it was written"
        in (tree.folder / "logs/audit.log").read_text()
    )
