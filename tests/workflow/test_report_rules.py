"""What a run leaves to read: the report, the tables, and words at its end."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from tests.workflow.conftest import Tree


def test_a_finished_run_has_a_report_with_cost_and_frames(finished: Tree) -> None:
    report = finished.folder / "results/report"
    assert "hf2vad" in (report / "index.html").read_text()
    assert (report / "runs/walkway/hf2vad.html").is_file()
    assert len(list((report / "datasets/walkway").glob("*.jpg"))) == 2
    cost = json.loads((finished.folder / "results/walkway/hf2vad/full/cost.json").read_text())
    counts = {item["name"]: item for item in cost["networks"]}
    assert counts["CVAE"]["parameters"] == 8_990_668
    flow = counts["FlowAutoencoder"]
    assert flow["inputs_per_frame"] == 4 * counts["CVAE"]["inputs_per_frame"]
    assert flow["macs_per_input"] > 1e7
    frozen = finished.folder / "results/walkway/hf2vad/no_frame_prediction/cost.json"
    (alone,) = json.loads(frozen.read_text())["networks"]
    assert alone["parameters"] == flow["parameters"]
    # How much of its memory is read differs from one set of weights to another, and counts.
    assert alone["macs_per_input"] == pytest.approx(flow["macs_per_input"], rel=1e-3)


def test_a_failed_run_reports_what_there_is_and_names_the_log(tree: Tree) -> None:
    shutil.rmtree(tree.folder / "results/walkway/hf2vad")
    damaged = tree.folder / "results/walkway/cubes/stc/train/train01.h5"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    result = tree.run(check=False)
    assert result.returncode != 0
    text = result.stdout + result.stderr
    log = "logs/train/walkway/hf2vad/full/seed0/flow.log"
    assert f"log: {log}" in text
    assert "report: results/report/index.html" in text
    failures = (tree.folder / "results/report/failures.html").read_text()
    assert log in failures
    assert "train01.h5: not a readable HDF5 file" in failures
    index = (tree.folder / "results/report/index.html").read_text()
    assert "failed: train (seed 0)" in index
    assert "box count" in index
    table = pd.read_csv(tree.folder / "results/report/tables/benchmark.csv")
    assert set(table["method"]) == {"baselines"}
    # It counts as no result: the workflow makes it anew once there is more.
    assert tree.planned()["build_report"] == 1
    command = [sys.executable, "-m", "vadbench", "report", "--output", "elsewhere"]
    subprocess.run(command, cwd=tree.folder, check=True, capture_output=True)
    assert (tree.folder / "elsewhere/failures.html").is_file()


def test_snakemakes_own_report_has_tables_and_pictures_by_category(tree: Tree) -> None:
    tree.run("--report", "report.zip")
    assert (tree.folder / "report.zip").stat().st_size > 100_000
