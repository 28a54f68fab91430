"""The generated trees that tests and benchmarks of the report stand on are like those of a run."""

from pathlib import Path

import pytest

from tests.trees import config_of, make_tree
from vadbench.datasets.index import load_json
from vadbench.report.site.provenance import trace
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.status import survey


def test_nothing_of_a_whole_tree_is_stale_and_its_digests_lead_to_raw_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = config_of(["ped2", "mine"], ["hf2vad", "object_class_aware"], [0])
    monkeypatch.setattr("tests.trees.TRAIN_CLIPS", {"ped2": 3})
    lengths = {"00": 40, "01": 30}
    plan = make_tree(config, {"ped2": lengths, "mine": lengths}, whole=True)
    metrics = [plan.metrics(run) for run in plan.runs]
    states = survey(plan, metrics).runs.values()
    assert [state.state for state in states] == ["done"] * len(plan.runs)
    for run in plan.runs:
        kinds = {node.kind for node in trace(plan.scores(run)["test"]).values()}
        assert {"scores", "weights", "clip"} < kinds
        matrix = load_json(plan.metrics(run))["matrix"]
        assert {record["protocol"] for record in matrix} == set(PROTOCOLS)


def test_what_a_file_says_is_read_anew_where_another_lies_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(["mine"], ["hf2vad"], [0])
    for folder, whole in (("first", False), ("second", True)):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        plan = make_tree(config, {"mine": {"00": 40}}, whole=whole)
        (run,) = plan.runs
        assert (len(trace(plan.scores(run)["test"])) > 1) is whole
