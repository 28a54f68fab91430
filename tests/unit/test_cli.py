import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cubes import write_cubes
from vadbench.cli import main
from vadbench.report.table import COLUMNS, write_table
from vadbench.weights import WEIGHTS


def row(**values: object) -> dict[str, object]:
    return {
        "dataset": "ped2",
        "method": "hf2vad",
        "variant": "full",
        "seed": 0,
        "selection": "last",
        "budget": "cpu",
        "protocol": "hf2vad",
        "score": "fused",
        "metric": "auc_micro",
        "value": 0.98,
        "default_protocol": "hf2vad",
        "warnings": "",
    } | values


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        row(paper=0.993, value=0.98),
        row(paper=0.993, value=0.97, seed=1),
        row(score="flow_reconstruction", value=0.11),
        row(protocol="raw", value=0.12),
        row(selection="best_test", value=0.995),
        row(method="baselines", variant="untrained", score="box_width", value=0.92, budget=""),
        row(dataset="walkway", value=0.88, warnings="walkway: something is odd"),
    ]
    path = tmp_path / "benchmark.csv"
    write_table(pd.DataFrame(rows, columns=COLUMNS), path)
    return path


def test_the_table_shows_the_own_protocol_and_the_paper(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["table", "--csv", str(table)]) == 0
    shown = capsys.readouterr().out
    for part in ("97.5 ± 0.7", "99.3", "-1.8", "box_width", "92.0", "88.0", "cpu"):
        assert part in shown, part
    assert "epoch chosen on test labels" in shown
    assert "warning: walkway: something is odd" in shown
    for part in ("11.0", "12.0"):
        assert part not in shown, part


def test_a_missing_table_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "--csv", str(tmp_path / "none.csv")]) == 1
    assert "no such file; run snakemake --cores all first" in capsys.readouterr().err
    assert main(["table", "--csv", str(tmp_path)]) == 1
    assert "a folder, where one file is needed" in capsys.readouterr().err


def test_a_configuration_that_is_named_has_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/tables").mkdir(parents=True)
    (tmp_path / "results/tables/benchmark.csv").touch()
    assert main(["table", "--config", "nope.yaml"]) == 1
    assert capsys.readouterr().err.startswith("vadbench: nope.yaml: ")


def test_a_file_in_place_of_a_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["report", "--output", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"vadbench: {tmp_path / 'file'}: Not a directory\n"


def test_another_table_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert main(["table", "--csv", str(tmp_path / "other.csv")]) == 1
    assert "not a table of vadbench" in capsys.readouterr().err


def test_inspect_says_what_an_artefact_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = write_cubes(tmp_path, [2])
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "cubes of made, train, 00" in shown
    assert "(2, 5, 32, 32, 1)" in shown


def test_inspect_of_a_damaged_file_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = write_cubes(tmp_path, [2])
    path.write_bytes(path.read_bytes()[:-100])
    assert main(["inspect", str(path)]) == 1
    assert str(path) in capsys.readouterr().err.replace("\n", "")


def test_datasets_lists_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path))
    project = Path(__file__).parents[2]
    assert main(["datasets", "--config", str(project / "workflow/configs/ped2.yaml")]) == 1
    shown = capsys.readouterr().out
    assert "missing" in shown
    assert "it comes from http://www.svcl.ucsd.edu" in shown


def test_references_are_those_of_the_methods_that_are_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["cite", "--config", "workflow/configs/ped2_all.yaml"]) == 0
    shown = capsys.readouterr().out
    entries = re.findall(r"^@(\w+)\{(\w+),\n(.*?)^\}$", shown, re.MULTILINE | re.DOTALL)
    assert [key for _, key, _ in entries] == [
        "vadbench",
        "hf2vad",
        "amsrc",
        "flow_duality",
        "object_class_aware",
        "multitask_attention",
    ]
    for _, key, body in entries:
        assert re.fullmatch(r"(  \w+ = \{.+\},\n)+", body), key
        assert body.count("{") == body.count("}"), key
    assert "author = {Hongyong Wang and Xinjian Zhang and Su Yang and Weishan Zhang}" in shown
    assert "eprint = {2204.04151}" in shown
    page = Path("docs/citing.md").read_text(encoding="utf-8")
    assert all(line in page for line in shown.splitlines())


def test_what_can_be_fetched_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "weights"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == list(WEIGHTS)
    assert main(["fetch", "dataset"]) == 0
    assert "UCSD_Anomaly_Dataset.tar.gz" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    "command", ["table", "datasets", "inspect", "schema", "evaluate", "protocols", "cite"]
)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "examples:" in capsys.readouterr().out


def write_labels(folder: Path) -> tuple[str, str]:
    """Scores and labels of two clips, as files."""
    labels = {"a": [0] * 20 + [1] * 20, "b": [1] * 10 + [0] * 20}
    scores = {name: [v + 0.01 * t for t, v in enumerate(part)] for name, part in labels.items()}
    (folder / "labels.json").write_text(json.dumps(labels))
    (folder / "scores.json").write_text(json.dumps(scores))
    return str(folder / "scores.json"), str(folder / "labels.json")


def test_scores_of_others_become_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scores, labels = write_labels(tmp_path)
    command = ["evaluate", scores, "--labels", labels, "--json"]
    assert main([*command, "--protocol", "raw", "--protocol", "AI-VAD"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {item["protocol"] for item in records} == {"raw", "ai_vad"}
    micro = next(i for i in records if (i["protocol"], i["metric"]) == ("raw", "auc_micro"))
    assert micro["value"] == 1.0
    assert {"low", "high", "note", "labels_source", "labels_sha256"} <= set(micro)
    assert main([*command, "--protocol", "hf3vad"]) == 1
    assert "did you mean 'hf2vad'?" in capsys.readouterr().err


def test_a_protocol_that_is_refused_is_told_by_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    _, labels = write_labels(tmp_path)
    short = {"a": list(range(36)), "b": list(range(26))}
    (tmp_path / "short.json").write_text(json.dumps(short))
    command = ["evaluate", str(tmp_path / "short.json"), "--labels", labels]
    assert main([*command, "--protocol", "raw"]) == 1
    assert "raw not evaluated" in capsys.readouterr().err
    # Of all protocols some do take them.
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "aligned already" in shown.out
    assert "vec not evaluated" in shown.err


def test_labels_come_from_a_data_set_or_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path))
    scores, _ = write_labels(tmp_path)
    with pytest.raises(SystemExit):
        main(["evaluate", scores])
    with pytest.raises(SystemExit):
        main(["evaluate", scores, "--labels", "labels.json", "--lengths", "40,b"])
    assert "'40,b': expected frames of each clip" in capsys.readouterr().err
    assert main(["evaluate", scores, "--dataset", "ped3"]) == 1
    shown = capsys.readouterr().err
    assert "there is no data set 'ped3' in the published data sets; did you mean 'ped" in shown
    assert main(["evaluate", scores, "--dataset", "ped2"]) == 1
    assert "UCSDped2" in capsys.readouterr().err


def test_the_list_of_protocols_says_what_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    project = Path(__file__).parents[2]
    assert main(["protocols", "--list", "--config", str(project / "config.yaml")]) == 0
    shown = capsys.readouterr().out
    assert (
        "hf2vad: z by training scores; first 4 frames dropped; median of 17 frames with zeros "
        "beyond the ends; micro AUC" in shown
    )


def test_protocols_are_listed_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["protocols", "--list", "--protocol", "AI-VAD"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("ai_vad: ")
    assert main(["protocols"]) == 1
    assert "config.yaml: no such file; run from the project's folder" in capsys.readouterr().err


def test_planning_loads_no_heavy_library() -> None:
    code = """
import sys
import vadbench.plan, vadbench.config, vadbench.cli
import vadbench.methods.hf2vad.method, vadbench.methods.baselines.method
heavy = {"torch", "lightning", "cv2", "ptlflow", "pandas", "scipy", "sklearn"} & set(sys.modules)
sys.exit(", ".join(heavy) or 0)
"""
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
