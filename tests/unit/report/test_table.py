import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vadbench.config import load_config, read_config_file
from vadbench.methods import get_method, method_names
from vadbench.report.protocols import print_matrix
from vadbench.report.summary import summarise, write_short_tables
from vadbench.report.table import (
    EVENT_COLUMNS,
    PROTOCOL_COLUMNS,
    collect,
    collect_protocols,
    print_table,
    write_table,
)
from vadbench.scoring.protocol import PROTOCOLS

PAPER = {
    "dataset": "ped2",
    "variant": "full",
    "value": 99.3,
    "table": "Table 1",
    "metric": "auc_micro",
}


def write(folder: Path, **values: Any) -> list[Path]:
    run = {
        "dataset": "mine",
        "method": "hf2vad",
        "variant": "full",
        "seed": 0,
        "budget": "cpu",
        "default_protocol": "hf2vad",
        "labels": {"source": "masks", "sha256": "ab"},
        "scores": {"last": "cd"},
        "records": [
            {
                "selection": "last",
                "protocol": protocol,
                "score": score,
                "metric": "auc_micro",
                "clip": "",
                "anomaly": "",
                "value": 0.98,
                "low": 0.95,
                "high": 0.99,
                "note": "",
            }
            for protocol in ("hf2vad", "raw")
            for score in ("fused", "flow_reconstruction")
        ],
        "matrix": [
            {
                "selection": "last",
                "protocol": "vec",
                "score": "fused",
                "metric": "auc_micro",
                "clip": "",
                "value": 0.9,
                "low": None,
                "high": None,
                "note": "said",
            }
        ],
    } | values
    path = folder / "metrics.json"
    path.write_text(json.dumps(run))
    return [path]


def index(folder: Path, warnings: list[str]) -> list[Path]:
    path = folder / "index.json"
    path.write_text(json.dumps({"dataset": "mine", "warnings": warnings}))
    return [path]


def test_the_papers_number_stands_only_beside_what_the_paper_measured(tmp_path: Path) -> None:
    table = collect(write(tmp_path), index(tmp_path, []), {"hf2vad": [PAPER]}, {"mine": "ped2"})
    with_paper = table[table["paper"].notna()]
    assert len(with_paper) == 1
    (row,) = with_paper.to_dict("records")
    assert (row["protocol"], row["score"]) == ("hf2vad", "fused")
    assert row["difference"] == pytest.approx(0.98 - 0.993)
    assert row["paper_table"] == "Table 1"


def test_every_protocol_has_its_table(tmp_path: Path) -> None:
    table = collect_protocols(write(tmp_path))
    assert list(table) == PROTOCOL_COLUMNS
    (row,) = table.to_dict("records")
    assert (row["dataset"], row["protocol"], row["value"]) == ("mine", "vec", 0.9)
    assert (row["labels_source"], row["labels_sha256"]) == ("masks", "ab")
    assert (row["note"], row["default_protocol"]) == ("said", "hf2vad")


def test_the_terminal_names_labels_and_notes_of_every_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_matrix(collect_protocols(write(tmp_path)), PROTOCOLS, components=False)
    said = capsys.readouterr().out
    assert "labels: masks, SHA-256 ab" in said
    assert "note: vec: said (hf2vad)" in said


def test_another_data_set_has_no_paper_number(tmp_path: Path) -> None:
    table = collect(write(tmp_path), index(tmp_path, []), {"hf2vad": [PAPER]}, {"mine": "ped1"})
    assert table["paper"].isna().all()


def test_warnings_of_the_data_stand_in_every_row(tmp_path: Path) -> None:
    table = collect(
        write(tmp_path), index(tmp_path, ["counts differ", "so do masks"]), {}, {"mine": "ped2"}
    )
    assert (table["warnings"] == "counts differ; so do masks").all()
    assert (table["labels_sha256"] == "ab").all()
    assert (table["scores_digest"] == "cd").all()


def test_a_number_of_another_protocol_stands_beside_that_protocol(tmp_path: Path) -> None:
    papers = [PAPER, PAPER | {"value": 96.0, "table": "Table 3", "protocol": "raw"}]
    table = collect(write(tmp_path), index(tmp_path, []), {"hf2vad": papers}, {"mine": "ped2"})
    found = table[table["paper"].notna()].set_index("protocol")["paper"].to_dict()
    assert found == {"hf2vad": pytest.approx(0.993), "raw": pytest.approx(0.96)}


@pytest.mark.parametrize("second", [99.31, 99.0])
@pytest.mark.parametrize("turned", [False, True])
def test_of_a_number_in_two_tables_the_one_with_more_digits_counts(
    tmp_path: Path, second: float, turned: bool
) -> None:
    first = PAPER | {"value": 99.3 if second == 99.31 else 99.0}
    papers = [first, PAPER | {"value": second, "table": "Table 2"}]
    if turned:
        papers.reverse()
    table = collect(write(tmp_path), index(tmp_path, []), {"hf2vad": papers}, {"mine": "ped2"})
    (row,) = table[table["paper"].notna()].to_dict("records")
    assert row["paper"] == pytest.approx(second / 100)
    expected = "Table 2" if second == 99.31 else papers[0]["table"]
    assert row["paper_table"] == expected


@pytest.mark.parametrize("name", method_names())
def test_tables_of_one_paper_agree(name: str) -> None:
    card = get_method(name).card
    known: dict[tuple[str, ...], Decimal] = {}
    for item in card.results:
        key = item.dataset, item.variant, item.metric, item.protocol or card.protocol
        value = Decimal(str(item.value))
        other = known.setdefault(key, value)
        coarser = max(value, other, key=lambda number: number.as_tuple().exponent)
        assert value.quantize(coarser) == other.quantize(coarser), key


def test_hf2vad_is_compared_with_the_digits_of_table_2(tmp_path: Path) -> None:
    papers = {"hf2vad": [item.plain() for item in get_method("hf2vad").card.results]}
    table = collect(write(tmp_path), index(tmp_path, []), papers, {"mine": "ped2"})
    (row,) = table[table["paper"].notna()].to_dict("records")
    assert (row["paper"], row["paper_table"]) == (pytest.approx(0.9931), "Table 2")


def test_table_iii_meets_its_own_protocol(tmp_path: Path) -> None:
    card = get_method("object_class_aware").card
    config = load_config(read_config_file("config.yaml"))
    (record, *_) = json.loads(write(tmp_path)[0].read_text())["records"]
    run = {
        "method": "object_class_aware",
        "default_protocol": card.protocol,
        "records": [record | {"protocol": name} for name in config.protocols_for(card)],
    }
    papers = {"object_class_aware": [item.plain() for item in card.results]}
    table = collect(write(tmp_path, **run), index(tmp_path, []), papers, {"mine": "ped2"})
    found = table[table["paper"].notna()].set_index("protocol")
    assert found["paper"].to_dict() == {
        "either_branch": pytest.approx(0.9776),
        "either_branch_unsmoothed": pytest.approx(0.9619),
    }
    assert found["paper_table"].tolist() == ["Table I", "Table III"]


def test_markdown_says_numbers_as_the_terminal_does(tmp_path: Path) -> None:
    papers = {"hf2vad": [PAPER | {"value": 102.0}]}
    table = collect(write(tmp_path), index(tmp_path, []), papers, {"mine": "ped2"})
    write_short_tables(summarise(table), tmp_path / "t.md", tmp_path / "t.tex")
    text = (tmp_path / "t.md").read_text()
    assert " 98.0 " in text
    assert " 102.0 " in text
    assert " -4.0 " in text


def test_small_numbers_are_kept(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"threshold": [3.2e-8, 0.95]}), tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv")["threshold"].tolist() == [3.2e-8, 0.95]


def test_methods_may_see_different_kinds_of_anomalies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = collect(write(tmp_path), index(tmp_path, []), {}, {"mine": "mine"})
    kinds = [("hf2vad", "cart"), ("hf2vad", "runner"), ("amsrc", "cart")]
    rows = [
        table.iloc[0].to_dict() | {"method": method, "metric": "auc_anomaly", "anomaly": kind}
        for method, kind in kinds
    ]
    write_table(pd.concat([table, pd.DataFrame(rows)]), tmp_path / "benchmark.csv")
    print_table(tmp_path / "benchmark.csv", {})
    shown = capsys.readouterr().out.partition("AUC of each kind")[2].splitlines()
    assert [line.split()[2:] for line in shown if " full" in line] == [["98.0", "98.0"], ["98.0"]]


def test_events_name_their_clips_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = collect(write(tmp_path), index(tmp_path, []), {}, {"mine": "mine"})
    write_table(table, tmp_path / "benchmark.csv")
    event = dict.fromkeys(EVENT_COLUMNS, 1.5) | {"rank": 1, "peak_frame": 3, "labelled": False}
    event |= {"dataset": "mine", "method": "hf2vad", "variant": "full", "seed": 0}
    names = ["01", "NA", "x[/b]", "t[bold]"]
    events = pd.DataFrame([event | {"clip": name} for name in names])
    write_table(events, tmp_path / "events.csv")
    print_table(tmp_path / "benchmark.csv", {})
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "frame 3" in line]
    assert shown == names
