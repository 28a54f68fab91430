"""Videos of one's own, without labels, from files to events."""

from pathlib import Path

import pandas as pd
import pytest

from tests.clips import textured
from tests.videos import write_frames
from tests.workflow.conftest import Tree
from vadbench.datasets.index import load_json

CONFIG = {
    "datasets": {"mine": {"family": "folder", "path": "mine"}},
    "flow": {"farneback": {"backend": "farneback"}},
    "objects": {"motion": {"source": "motion"}},
    "cubes": {"stc": {"objects": "motion", "flow": "farneback"}},
    "methods": {
        "hf2vad": {
            "variants": ["no_frame_prediction"],
            "cubes": "stc",
            "settings": {
                "memory_slots": 8,
                "flow": {"epochs": 1, "samples_per_epoch": 32, "batch_size": 16},
            },
        }
    },
    "panels": {"frames": 0},
}
RATE = 20


@pytest.mark.slow
def test_a_run_without_labels_ends_in_events(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "project")
    tree.configure(CONFIG)
    frames = textured(44, 32, 48, 3).frames
    write_frames(tree.folder / "data/mine/train/calm.mp4", frames[:20], codec="libx264", rate=RATE)
    # In the second half everything is three times as fast.
    hasty = frames[[*range(10), *range(10, 40, 3)]]
    write_frames(tree.folder / "data/mine/test/hasty.mp4", hasty, codec="libx264", rate=RATE)
    tree.run("results/tables/events.csv", "results/report")
    index = load_json(tree.folder / "results/mine/index.json")
    assert (index["fps"], index["labels"]["known"], index["warnings"]) == (RATE, False, [])
    events = pd.read_csv(tree.folder / "results/tables/events.csv")
    assert set(events["clip"]) == {"hasty"}
    assert events["peak_frame"].iloc[0] > 10
    assert (events["start"] == events["first"] / RATE).all()
    assert not events["labelled"].any()
    page = (tree.folder / "results/report/index.html").read_text()
    assert '<a href="datasets/mine.html">mine</a> has no labels' in page
    assert '<a href="runs/mine/hf2vad.html">hf2vad</a>' in page
    assert "<table" not in page
