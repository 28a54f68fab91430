import hashlib
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from vadbench.cli import main
from vadbench.datasets import list_clips
from vadbench.datasets.sections import UCSDSection
from vadbench.datasets.sources import SOURCES


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
    assert said.startswith("vadbench: ")  # And not a bar of progress.
    for part in words:
        assert part in said
    assert not list(tmp_path.iterdir())


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


def test_an_archive_is_fetched_unpacked_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, site, root = (tmp_path / name for name in ("made", "site", "data"))
    site.mkdir()
    for subset in ("UCSDped1", "UCSDped2"):
        for split in ("Train", "Test"):
            folder = made / f"UCSD_Anomaly_Dataset.v1p2/{subset}/{split}/{split}001"
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "001.tif"), np.zeros((8, 8), np.uint8))
    with tarfile.open(site / "UCSD_Anomaly_Dataset.tar.gz", "w:gz") as file:
        file.add(made / "UCSD_Anomaly_Dataset.v1p2", "UCSD_Anomaly_Dataset.v1p2")
    digest = hashlib.sha256((site / "UCSD_Anomaly_Dataset.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setenv("VADBENCH_DATA", str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/UCSD_Anomaly_Dataset.tar.gz"
        monkeypatch.setitem(SOURCES, "ucsd", replace(SOURCES["ucsd"], url=url, sha256=digest))
        assert main(["fetch", "dataset", "ped2"]) == 0
        server.shutdown()
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"{root / 'UCSD_Anomaly_Dataset.v1p2'}\n", "")
    assert [item.name for item in root.iterdir()] == ["UCSD_Anomaly_Dataset.v1p2"]
    for subset in ("ped1", "ped2"):
        clips = list_clips(UCSDSection(subset=subset), root)
        assert clips == {"train": ["Train001"], "test": ["Test001"]}
    assert main(["fetch", "dataset", "ucsd"]) == 1
    assert "is there already" in capsys.readouterr().err
