"""Judges an epoch by its scores of the test set, where epochs are chosen so."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError
from vadbench.scoring.metrics import auc
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series

__all__ = ["judge"]


def judge(
    labels: Mapping[str, npt.NDArray[np.uint8]],
    protocol: Protocol,
    weights: Mapping[str, float],
    train: Scores,
    test: Scores,
) -> float:
    """Returns the micro AUC of the components that there are, to choose an epoch by.

    Raises:
        VadbenchError: The labels are all of one class.
    """
    chosen = {name: weights.get(name, 1.0) for name in test.components}
    series = clip_series(train, test, protocol, chosen)
    kept = [labels[clip][series.first :][: len(part)] for clip, part in series.scores.items()]
    value = auc(np.concatenate(kept), np.concatenate(list(series.scores.values())))
    if value is None:
        raise VadbenchError("the labels of the test set are all of one class; there is no AUC")
    return value
