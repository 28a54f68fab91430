from pathlib import Path

import pytest

from vadbench.cli import main


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("avenue", ["visit http", "detectabnormal", "1_label.mat"]),
        ("shanghaitech", ["visit http", "test_frame_mask"]),
        ("shanghai", ["there is no data set 'shanghai' to fetch; did you mean 'shanghaitech'?"]),
    ],
)
def test_what_is_not_to_be_fetched_says_where_to_go(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: list[str],
) -> None:
    monkeypatch.setenv("VADBENCH_DATA", str(tmp_path))
    assert main(["fetch", "dataset", name]) == 1
    said = capsys.readouterr().err
    for part in words:
        assert part in said
    assert not list(tmp_path.iterdir())
