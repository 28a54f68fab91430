"""What a threshold chosen on normal training frames flags in the test set."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.scoring.evaluate import record
from vadbench.scoring.events import threshold
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series

__all__ = ["decide"]

Labels = Mapping[str, npt.NDArray[np.uint8]]


def decide(
    train: Scores,
    test: Scores,
    labels: Labels | None,
    protocol: Protocol,
    weights: Mapping[str, float],
    false_positive_rate: float,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Flags frames above thresholds that so large a share of normal training frames exceeds.

    `fused` is the fused score with one threshold. Where a protocol takes the higher of several
    branches, `either` is the decision of Baradaran and Bergevin (CRV 2022, CVPRW 2023): a frame is
    abnormal if either branch passes a threshold of its own. More training frames than asked for
    pass one or the other, so their share is stated with it.

    Args:
        train: Raw scores of the training clips, which are normal.
        test: Raw scores of the test clips.
        labels: Labels by test clip; None where there are none.
        protocol: The protocol.
        weights: Weight of each component.
        false_positive_rate: Share of normal training frames.

    Returns:
        For `fused` and `either` the thresholds, the share of training frames that is flagged
        (`train_rate`) and, with labels, `tpr` and `fpr` on the test set; and these rates as
        records, `tpr`, `fpr`, `tpr_either`, `fpr_either`.
    """
    choices: dict[str, Mapping[str, Mapping[str, float]]] = {"fused": {"fused": weights}}
    if protocol.fusion == "max" and len(weights) > 1:
        choices["either"] = {name: {name: 1.0} for name in weights}
    found: dict[str, Any] = {}
    records = []
    for name, branches in choices.items():
        used = protocol
        if name == "either":
            used = protocol.model_copy(update={"weights": None, "shares": None})
        limits = {
            branch: threshold(train, used, chosen, false_positive_rate)
            for branch, chosen in branches.items()
        }
        flagged = {
            split: _flag(train, scores, used, branches, limits)
            for split, scores in (("train", train), ("test", test))
        }
        every = np.concatenate(list(flagged["train"].values()))
        own: dict[str, Any] = {"thresholds": limits, "train_rate": float(every.mean())}
        if labels is not None:
            hits = np.concatenate(list(flagged["test"].values()))
            truth = np.concatenate(
                [
                    labels[clip][protocol.drop_first :][: len(part)]
                    for clip, part in flagged["test"].items()
                ]
            )
            suffix = "" if name == "fused" else "_either"
            words = ", ".join(f"{branch} {limit:.6g}" for branch, limit in limits.items())
            note = f"above {words}; flags {100 * own['train_rate']:.2f} % of normal training frames"
            for key, label in (("tpr", 1), ("fpr", 0)):
                if (truth == label).any():
                    own[key] = float(hits[truth == label].mean())
                    records.append(record(key + suffix, own[key], note=note))
        found[name] = own
    return found, records


def _flag(
    train: Scores,
    scores: Scores,
    protocol: Protocol,
    branches: Mapping[str, Mapping[str, float]],
    limits: Mapping[str, float],
) -> dict[str, npt.NDArray[np.bool_]]:
    """Returns, for each clip, which kept frames pass the threshold of any branch."""
    passed: dict[str, npt.NDArray[np.bool_]] = {}
    for name, chosen in branches.items():
        for clip, values in clip_series(train, scores, protocol, chosen).scores.items():
            above = values > limits[name]
            passed[clip] = passed[clip] | above if clip in passed else above
    return passed
