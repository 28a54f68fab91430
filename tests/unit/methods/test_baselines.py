import json
from pathlib import Path

import numpy as np
import pytest

from vadbench.cli import main
from vadbench.datasets import read_labels
from vadbench.datasets.sections import UCSDSection
from vadbench.methods.baselines.score import box_scores
from vadbench.objects.importing import read_boxes
from vadbench.scoring.evaluate import evaluate
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import frame_scores


@pytest.fixture(scope="module")
def ped2(ped2_root: Path) -> tuple[Scores, dict[str, np.ndarray]]:
    labels = read_labels(UCSDSection(subset="ped2"), ped2_root).clips
    lengths = {clip: len(vector) for clip, vector in labels.items()}
    path = ped2_root / "ped2_boxes/bboxes_test_obj_det_with_motion.npy"
    frames = [boxes for clip in read_boxes(path, lengths).values() for boxes in clip]
    boxes = np.concatenate(frames)
    counts = np.array([len(item) for item in frames])
    scores = Scores(
        list(labels),
        np.cumsum([0, *lengths.values()]),
        np.cumsum([0, *counts]),
        boxes,
        box_scores(boxes),
        {
            "box_count": counts.astype(float),
            "frame_index": np.concatenate([np.arange(n, dtype=float) for n in lengths.values()]),
        },
    )
    return scores, labels


def test_known_values_on_ped2_from_the_command_line(
    ped2: tuple[Scores, dict[str, np.ndarray]],
    ped2_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VADBENCH_DATA", str(ped2_root))
    scores, labels = ped2
    frames = frame_scores(scores, scores, PROTOCOLS["raw"], {"box_aspect": 1.0})
    np.save(tmp_path / "aspect.npy", np.concatenate([frames[clip] for clip in labels]))
    command = ["evaluate", str(tmp_path / "aspect.npy"), "--dataset", "ped2", "--json"]
    assert main([*command, "--protocol", "drop4", "--protocol", "hf2vad"]) == 0
    found = {
        item["protocol"]: 100 * item["value"]
        for item in json.loads(capsys.readouterr().out)
        if item["metric"] == "auc_micro"
    }
    assert found["drop4"] == pytest.approx(91.5, abs=0.0501)
    assert found["hf2vad"] == pytest.approx(96.5, abs=0.0501)


def test_boxes_counted_and_scaled_within_clips_on_ped2(
    ped2: tuple[Scores, dict[str, np.ndarray]],
) -> None:
    scores, labels = ped2
    protocol = PROTOCOLS["future_frame"].resolved("ped2")
    found = evaluate(scores, scores, labels, protocol, {"box_count": 1.0})
    # 81.27 of the frames that are kept; scaled by the range of all frames it would be 81.77.
    assert 100 * found.metrics["auc_micro"] == pytest.approx(81.2, abs=0.0801)


@pytest.mark.parametrize(
    ("component", "plain", "median"),
    [
        ("box_aspect", 91.5, 96.5),
        ("box_width", 92.6, 95.4),
        ("box_area", 76.4, 88.3),
        ("box_count", 57.1, 57.3),
        ("frame_index", 73.9, 74.0),
    ],
)
def test_known_values_on_ped2(
    ped2: tuple[Scores, dict[str, np.ndarray]], component: str, plain: float, median: float
) -> None:
    scores, labels = ped2
    for protocol, expected in (("drop4", plain), ("median17", median)):
        found = evaluate(scores, scores, labels, PROTOCOLS[protocol], {component: 1.0})
        assert 100 * found.metrics["auc_micro"] == pytest.approx(expected, abs=0.0501)
