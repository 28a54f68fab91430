import pytest

from vadbench.report.terminal import number_table, open_console

NAME = "either_branch_clip_minmax"
NUMBERS = ["98.8 (97.7-100.0)", "100.0 (99.9-100.0)", "32.4"]


def print_one(capsys: pytest.CaptureFixture[str]) -> str:
    table = number_table(["protocol"], ["micro AUC", "macro AUC", "EER"])
    table.add_row(NAME, *NUMBERS)
    open_console().print(table)
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [55, 60, 80])
def test_no_number_is_cut_on_a_narrow_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = print_one(capsys)
    assert max(map(len, shown.splitlines())) <= columns
    assert all(number in shown for number in NUMBERS)
    # Nor is the name: what does not fit goes on in the next lines.
    for number in NUMBERS:
        shown = shown.replace(number, "")
    assert NAME in "".join(shown.split())


def test_nothing_is_folded_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    line = next(line for line in print_one(capsys).splitlines() if NAME in line)
    assert line.split() == [NAME, *" ".join(NUMBERS).split()]
