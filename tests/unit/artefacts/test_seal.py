import random
from pathlib import Path

import numpy as np
import pytest

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.artefacts.check import check_file
from vadbench.artefacts.seal import checksum_path
from vadbench.datasets.index import load_json, write_json

CLIP = Identity("made", "train", "01")


def write_flow(path: Path, **changes: np.ndarray) -> Path:
    values = np.random.default_rng(0).normal(size=(6, 8, 9, 2)).astype(np.float16)
    with ArtefactWriter(path, "flow", CLIP, 6, settings={"a": 1}) as writer:
        writer.put("flow", changes.get("flow", values))
    return path


def write_weights(path: Path) -> Path:
    import torch

    from vadbench.training.fit import save_weights

    state = {"a": torch.arange(20.0).reshape(4, 5), "b": torch.ones(3)}
    save_weights(state, path, {"method": "m", "stage": "s"}, [])
    return path


def write_record(path: Path) -> Path:
    write_json({"clip": "01", "n_frames": 3, "frames_sha256": "ab" * 32}, path)
    return path


def write_picture(path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure((1, 1))
    figure.add_subplot().plot([1, 2])
    figure.savefig(path, dpi=30)
    return path


def write_csv(path: Path) -> Path:
    import pandas as pd

    from vadbench.report.table import write_table

    write_table(pd.DataFrame({"x": [1.5, 2.5]}), path)
    return path


KINDS = {
    ".h5": write_flow,
    ".safetensors": write_weights,
    ".json": write_record,
    ".png": write_picture,
    ".csv": write_csv,
}


@pytest.mark.parametrize("ending", KINDS)
def test_every_byte_of_every_kind_of_file_is_watched(tmp_path: Path, ending: str) -> None:
    path = KINDS[ending](tmp_path / f"file{ending}")
    assert check_file(path) == []
    content = path.read_bytes()
    rng = random.Random(0)
    places = range(len(content)) if len(content) < 600 else rng.sample(range(len(content)), 150)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        assert check_file(path), f"byte {place} of {len(content)}"
    for cut in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        assert check_file(path), f"cut at {cut}"
    path.write_bytes(content + b"\0")
    assert check_file(path)
    path.write_bytes(content)
    assert check_file(path) == []


def test_a_checksum_is_one_that_sha256sum_reads(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "table.csv")
    digest, name = checksum_path(path).read_text().split()
    assert (len(digest), name) == (64, "table.csv")
    checksum_path(path).unlink()
    assert "there is no table.csv.sha256" in check_file(path)[0]


def test_a_seal_is_no_part_of_what_is_read(tmp_path: Path) -> None:
    path = write_record(tmp_path / "a.json")
    assert load_json(path) == {"clip": "01", "n_frames": 3, "frames_sha256": "ab" * 32}
    first = path.read_bytes()
    assert write_record(tmp_path / "b.json").read_bytes() == first


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (np.full((6, 8, 9, 2), np.nan), "not a number, or infinite, in frame 0 to 5"),
        (np.full((6, 8, 9, 2), -np.inf), "not a number"),
        (np.full((6, 8, 9, 2), 5000.0), "values beyond -4096 to 4096"),
        (np.full((6, 8, 9, 2), 2.0), "all values are 2.0; no clip is like that"),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path: Path, flow: np.ndarray, message: str) -> None:
    path = write_flow(tmp_path / "a.h5", flow=flow.astype(np.float16))
    (problem,) = check_file(path)
    assert message in problem


def test_a_negative_depth_is_out_of_range_and_a_negative_zero_is_not(tmp_path: Path) -> None:
    depth = np.linspace(0, 1, 6 * 8 * 9).reshape(6, 8, 9).astype(np.float16)
    for low, sound in ((-0.0, True), (-0.01, False)):
        depth[0, 0, 0] = low
        with ArtefactWriter(tmp_path / "a.h5", "depth", CLIP, 6, settings={}) as writer:
            writer.put("depth", depth)
        assert (check_file(tmp_path / "a.h5") == []) is sound
