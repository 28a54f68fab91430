import numpy as np
import pytest

from vadbench.scoring.decision import decide
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores

PLAIN = PROTOCOLS["either_branch_unsmoothed"]


def made(seed: int, shift: float = 0.0) -> Scores:
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=400) for name in ("appearance", "motion")}
    values["appearance"][:50] += shift
    values["motion"][50:100] += shift
    return Scores.of_frames(["a", "b"], [200, 200], values)


def test_either_branch_flags_what_one_of_them_sees() -> None:
    train, test = made(0), made(1, 50.0)
    labels = {"a": np.zeros(200, np.uint8), "b": np.zeros(200, np.uint8)}
    labels["a"][:100] = 1
    found, records = decide(train, test, labels, PLAIN, {"appearance": 1.0, "motion": 1.0}, 0.01)
    either = found["either"]
    assert set(either["thresholds"]) == {"appearance", "motion"}
    assert either["tpr"] == 1.0
    # Each branch may flag a hundredth of the training frames, and the two need not agree.
    assert 0.01 < either["train_rate"] <= 0.02
    assert found["fused"]["train_rate"] <= 0.01
    values = {item["metric"]: item["value"] for item in records}
    assert values["tpr_either"] == 1.0
    assert set(values) == {"tpr", "fpr", "tpr_either", "fpr_either"}
    flagged = np.zeros(400, np.bool_)
    for name, limit in either["thresholds"].items():
        own = train.frames[name]
        flagged |= (test.frames[name] - own.mean()) / own.std() > limit
    truth = np.concatenate(list(labels.values())) == 1
    assert either["fpr"] == pytest.approx(flagged[~truth].mean())


def test_without_labels_there_are_thresholds_and_no_rates() -> None:
    found, records = decide(made(0), made(1), None, PROTOCOLS["hf2vad"], {"motion": 1.0}, 0.05)
    assert set(found) == {"fused"}
    assert set(found["fused"]) == {"thresholds", "train_rate"}
    assert records == []
