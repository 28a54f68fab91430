import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cubes import write_cubes
from vadbench.cli import main
from vadbench.report.table import COLUMNS, write_table


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


@pytest.mark.parametrize("command", ["table", "datasets", "inspect", "schema"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_planning_loads_no_heavy_library() -> None:
    code = """
import sys
import vadbench.plan, vadbench.config, vadbench.cli
import vadbench.methods.hf2vad.method, vadbench.methods.baselines.method
heavy = {"torch", "lightning", "cv2", "ptlflow", "pandas", "scipy"} & set(sys.modules)
sys.exit(", ".join(heavy) or 0)
"""
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
