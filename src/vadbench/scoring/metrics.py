"""Frame-level metrics; scores are higher for more abnormal frames."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["auc", "macro_auc"]


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float | None:
    """Area under the ROC curve, 0 to 1; None where there is one class only.

    Args:
        labels: (T,) 0/1.
        scores: (T,) finite.
    """
    from sklearn.metrics import roc_auc_score

    truth = np.asarray(labels)
    if truth.min() == truth.max():
        return None
    return float(roc_auc_score(truth, scores))


def macro_auc(
    labels: Mapping[str, npt.NDArray[np.uint8]],
    scores: Mapping[str, npt.NDArray[np.float64]],
    one_class_clips: Literal["skip", "pad"],
) -> tuple[float | None, dict[str, float], str]:
    """Mean of the clips' AUCs.

    Args:
        labels: Labels by clip.
        scores: Scores by clip.
        one_class_clips: `skip` leaves clips of one class out; `pad` gives every clip a normal
            frame below and an abnormal frame above all its scores, as AI-VAD's code does.

    Returns:
        The mean (None if no clip has both classes), the AUC of each clip that counts, and a note
        that says what was done about clips of one class.
    """
    values = {}
    skipped = []
    for clip, truth in labels.items():
        series = scores[clip]
        if one_class_clips == "pad":
            truth = np.concatenate([[0], truth, [1]])
            series = np.concatenate([[series.min() - 1], series, [series.max() + 1]])
        value = auc(truth, series)
        if value is None:
            skipped.append(clip)
        else:
            values[clip] = value
    note = ""
    if one_class_clips == "pad":
        note = "macro: every clip padded with one normal and one abnormal frame"
    elif skipped:
        note = f"macro over {len(values)} clips; of one class and left out: {', '.join(skipped)}"
    return (float(np.mean(list(values.values()))) if values else None), values, note
