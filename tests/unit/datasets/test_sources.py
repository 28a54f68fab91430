from pathlib import Path

import pytest

from vadbench.cli import main


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("avenue", ["visit http", "detectabnormal", "1_label.mat"]),
        ("shanghaitech", ["visit http", "test_frame_mask", "test_pixel_mask"]),
        ("ucf_crime", ["visit http", "crcv.ucf.edu", "Temporal_Anomaly_Annotation"]),
        ("folder", ["your own videos", "<name>/train"]),
        ("digits", ["scikit-learn ships digits", "MNIST/raw"]),
        ("walkway", ["rendered by the run"]),
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
