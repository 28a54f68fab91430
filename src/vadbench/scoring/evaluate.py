"""Evaluates raw scores under a protocol: frame scores of every clip, and metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError
from vadbench.scoring.metrics import auc, macro_auc
from vadbench.scoring.protocol import Protocol, Smoothing
from vadbench.scoring.scores import Scores

__all__ = [
    "Evaluation",
    "Series",
    "anomaly_auc",
    "clip_series",
    "evaluate",
    "evaluate_run",
    "frame_scores",
    "judge",
    "object_scores",
]

Floats = npt.NDArray[np.float64]
Labels = Mapping[str, npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Series:
    """Frame scores as a protocol aligns and smooths them.

    Attributes:
        scores: For each clip one score per kept frame.
        first: Index, in the clip, of the first kept frame.
        notes: Which clips have no frames left.
    """

    scores: dict[str, Floats]
    first: int
    notes: list[str]


@dataclass(frozen=True)
class Evaluation:
    """Scores and labels as a protocol aligns them.

    Attributes:
        scores: For each clip one score per kept frame.
        labels: For each clip the labels of the same frames.
        first: Index, in the clip, of the first kept frame.
        metrics: Name to value; `auc_micro`, `auc_macro`.
        clip_auc: AUC of each clip that has both classes.
        notes: What was done about clips or scores that no AUC exists for.
    """

    scores: dict[str, Floats]
    labels: dict[str, npt.NDArray[np.uint8]]
    first: int
    metrics: dict[str, float]
    clip_auc: dict[str, float]
    notes: list[str]


def evaluate(
    train: Scores,
    test: Scores,
    labels: Labels,
    protocol: Protocol,
    weights: Mapping[str, float],
) -> Evaluation:
    """Evaluates test scores.

    Args:
        train: Raw scores of the training clips, for normalisation.
        test: Raw scores of the test clips.
        labels: (T,) 0/1 vectors by test clip.
        protocol: The protocol.
        weights: Weight of each component that takes part, unless the protocol has its own.

    Raises:
        VadbenchError: Scores and labels differ in clips or lengths, or nothing is left.
    """
    for clip, (start, end) in zip(test.clips, pairwise(test.clip_offsets.tolist()), strict=True):
        if clip not in labels:
            raise VadbenchError(f"there are scores of clip {clip}, but no labels")
        if len(labels[clip]) != end - start:
            raise VadbenchError(
                f"clip {clip}: {end - start} scores, but {len(labels[clip])} labels"
            )
    if missing := sorted(set(labels) - set(test.clips)):
        raise VadbenchError(f"there are labels of clip {missing[0]}, but no scores")
    series = clip_series(train, test, protocol, weights)
    kept_scores, notes = series.scores, series.notes
    kept_labels = {
        clip: labels[clip][series.first :][: len(values)] for clip, values in kept_scores.items()
    }
    everything = np.concatenate(list(kept_scores.values()))
    truth = np.concatenate(list(kept_labels.values()))
    if np.ptp(everything) == 0:
        notes.append("all frames have the same score; the AUC of 0.5 says nothing")
    micro = auc(truth, everything)
    if micro is None:
        raise VadbenchError("the labels of the test set are all of one class; there is no AUC")
    macro, clip_auc, note = macro_auc(kept_labels, kept_scores, protocol.one_class_clips)
    metrics = {"auc_micro": micro}
    if macro is not None:
        metrics["auc_macro"] = macro
    return Evaluation(kept_scores, kept_labels, series.first, metrics, clip_auc, [*notes, note])


def clip_series(
    train: Scores, scores: Scores, protocol: Protocol, weights: Mapping[str, float]
) -> Series:
    """Returns fused, aligned and smoothed frame scores; labels have no part in it.

    Raises:
        VadbenchError: The protocol drops every frame.
    """
    kept_scores, notes = {}, []
    for clip, values in frame_scores(train, scores, protocol, weights).items():
        window = slice(protocol.drop_first, len(values) - protocol.drop_last)
        if len(values[window]) == 0:
            notes.append(f"clip {clip} is shorter than the frames that the protocol drops")
            continue
        if protocol.smoothing.before_drop:
            kept_scores[clip] = _smooth(values, protocol.smoothing)[window]
        else:
            kept_scores[clip] = _smooth(values[window], protocol.smoothing)
    if not kept_scores:
        raise VadbenchError("the protocol drops every frame of every clip")
    return Series(kept_scores, protocol.drop_first, notes)


def judge(
    labels: Labels,
    protocol: Protocol,
    weights: Mapping[str, float],
    train: Scores,
    test: Scores,
) -> float:
    """Returns the micro AUC of the components that there are, to choose an epoch by."""
    chosen = {name: weights.get(name, 1.0) for name in test.components}
    return evaluate(train, test, labels, protocol, chosen).metrics["auc_micro"]


def frame_scores(
    train: Scores, test: Scores, protocol: Protocol, weights: Mapping[str, float]
) -> dict[str, Floats]:
    """Returns one fused score per frame of each clip, before alignment and smoothing.

    Objects: components are normalised and fused per object, and a frame has its highest object's
    score (HF2-VAD, Sec. 3.3). Components that are per frame are fused with the frame's own.
    """
    used = dict(protocol.weights if protocol.weights is not None else weights)
    used = used or dict.fromkeys(test.components, 1.0)
    unknown = sorted(set(used) - set(test.components))
    if unknown:
        raise VadbenchError(
            f"weight for {unknown[0]!r}, but the scores hold {', '.join(test.components)}"
        )
    scale = {name: _statistics(train, name, protocol) for name in used}
    if protocol.normalise == "clip_minmax":
        parts = {
            name: _per_frame(test, test.objects[name], 0.0, protocol)
            if name in test.objects
            else test.frames[name]
            for name in used
        }
        parts = {name: _clip_minmax(values, test.clip_offsets) for name, values in parts.items()}
        fused = _fuse([parts[name] * used[name] for name in used], protocol)
        return _by_clip(fused, test)

    def normal(name: str, values: Floats) -> Floats:
        centre, width = scale[name]
        return used[name] * (values - centre) / width

    pieces = []
    object_names = [name for name in used if name in test.objects]
    if object_names:
        fused = _fuse([normal(name, test.objects[name]) for name in object_names], protocol)
        zero = _fuse([normal(name, np.zeros(1)) for name in object_names], protocol)[0]
        pieces.append(_per_frame(test, fused, float(zero), protocol))
    pieces += [normal(name, test.frames[name]) for name in used if name in test.frames]
    return _by_clip(_fuse(pieces, protocol), test)


def object_scores(
    train: Scores, test: Scores, protocol: Protocol, weights: Mapping[str, float]
) -> Floats | None:
    """Returns one fused score per object, for marking boxes; None if no component has objects."""
    names = [name for name in weights if name in test.objects]
    if not names:
        return None
    parts = []
    for name in names:
        centre, width = _statistics(train, name, protocol)
        parts.append(weights[name] * (test.objects[name] - centre) / width)
    return _fuse(parts, protocol)


def _fuse(parts: Sequence[Floats], protocol: Protocol) -> Floats:
    stacked = np.stack(parts)
    fused: Floats = stacked.max(axis=0) if protocol.fusion == "max" else stacked.sum(axis=0)
    return fused


def _statistics(train: Scores, name: str, protocol: Protocol) -> tuple[float, float]:
    if protocol.normalise in {"none", "clip_minmax"}:
        return 0.0, 1.0
    values = train.objects.get(name, train.frames.get(name))
    if values is None or len(values) == 0:
        raise VadbenchError(f"no training scores of {name!r}: the protocol cannot normalise it")
    if protocol.normalise == "train_minmax":
        centre, width = float(values.min()), float(np.ptp(values))
    else:
        centre, width = float(values.mean()), float(values.std())
    # A component that is constant on the training clips keeps its own scale.
    return centre, width if width > 0 else 1.0


def _per_frame(scores: Scores, values: Floats, zero: float, protocol: Protocol) -> Floats:
    """Highest object of each frame; frames without one as the protocol says."""
    counts = np.diff(scores.object_offsets)
    filled = counts > 0
    result = np.full(scores.n_frames, zero)
    if filled.any():
        # reduceat over the starts of non-empty frames only: an empty one has no segment.
        starts = scores.object_offsets[:-1][filled]
        result[filled] = np.maximum.reduceat(values, starts)
    if protocol.empty_frame == "lowest":
        for start, end in pairwise(scores.clip_offsets.tolist()):
            own = values[scores.object_offsets[start] : scores.object_offsets[end]]
            if len(own):
                result[start:end][~filled[start:end]] = own.min()
    return result


def _clip_minmax(values: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    result = np.zeros_like(values)
    for start, end in pairwise(offsets.tolist()):
        part = values[start:end]
        width = np.ptp(part) if len(part) else 0.0
        if width > 0:
            result[start:end] = (part - part.min()) / width
    return result


def _by_clip(values: Floats, scores: Scores) -> dict[str, Floats]:
    spans = pairwise(scores.clip_offsets.tolist())
    return {clip: values[a:b] for clip, (a, b) in zip(scores.clips, spans, strict=True)}


def _smooth(values: Floats, smoothing: Smoothing) -> Floats:
    from scipy import ndimage, signal

    if smoothing.kind == "none":
        return values
    mode = {"zero": "constant", "nearest": "nearest", "reflect": "reflect"}[smoothing.padding]
    if smoothing.kind == "median":
        filtered = ndimage.median_filter(values, smoothing.width, mode=mode, cval=0.0)
    elif smoothing.kind == "gaussian":
        filtered = ndimage.gaussian_filter1d(values, smoothing.sigma, mode=mode, cval=0.0)
    else:
        # A clip shorter than the window is fitted as a whole.
        width = min(smoothing.width, len(values) - 1 + len(values) % 2)
        savgol = {"constant": "constant", "nearest": "nearest", "reflect": "mirror"}[mode]
        order = min(smoothing.order, width - 1)
        filtered = signal.savgol_filter(values, width, order, mode=savgol, cval=0.0)
    result: Floats = np.asarray(filtered, np.float64)
    return result


def anomaly_auc(result: Evaluation, anomalies: Mapping[str, Labels]) -> dict[str, float]:
    """Returns, for each kind of anomaly, the AUC of its frames against the normal ones.

    Frames that are abnormal by another kind alone are left out.
    """
    scores = np.concatenate(list(result.scores.values()))
    normal = np.concatenate(list(result.labels.values())) == 0
    found = {}
    for kind, vectors in anomalies.items():
        seen = np.concatenate(
            [vectors[clip][result.first :][: len(part)] for clip, part in result.scores.items()]
        )
        counted = normal | (seen == 1)
        value = auc(seen[counted], scores[counted]) if counted.any() else None
        if value is not None:
            found[kind] = value
    return found


def evaluate_run(
    scores: Mapping[str, tuple[Scores, Scores]],
    labels: Labels,
    protocols: Mapping[str, Protocol],
    weights: Mapping[str, float],
    anomalies: Mapping[str, Labels] | None = None,
) -> list[dict[str, Any]]:
    """Evaluates a run under every protocol, fused and component by component.

    Args:
        scores: Training and test scores by how the epoch was chosen (`last`, `best_test`).
        labels: Labels by test clip.
        protocols: Protocols by name.
        weights: The method's fusion weights; empty for a method whose components stand alone.
        anomalies: Vectors by kind of anomaly and test clip, where the data set tells kinds apart.

    Returns:
        Records with selection, protocol, score (`fused` or a component), metric, clip, anomaly,
        value and note.
    """
    records: list[dict[str, Any]] = []
    for selection, (train, test) in scores.items():
        for protocol_name, protocol in protocols.items():
            choices: dict[str, Mapping[str, float]] = {n: {n: 1.0} for n in test.components}
            if weights:
                choices = {"fused": weights} | choices
            for score, chosen in choices.items():
                single = protocol if score == "fused" else _alone(protocol)
                result = evaluate(train, test, labels, single, chosen)
                about = {"selection": selection, "protocol": protocol_name, "score": score}
                note = "; ".join(item for item in result.notes if item)
                records += [
                    about | _record(metric, value, note=note)
                    for metric, value in result.metrics.items()
                ]
                records += [
                    about | _record("auc_clip", value, clip=clip)
                    for clip, value in result.clip_auc.items()
                ]
                records += [
                    about | _record("auc_anomaly", value, anomaly=kind)
                    for kind, value in anomaly_auc(result, anomalies or {}).items()
                ]
    return records


def _record(
    metric: str, value: float, *, clip: str = "", anomaly: str = "", note: str = ""
) -> dict[str, Any]:
    return {"metric": metric, "clip": clip, "anomaly": anomaly, "value": value, "note": note}


def _alone(protocol: Protocol) -> Protocol:
    """Returns the protocol without weights of its own, to look at one component alone."""
    return protocol.model_copy(update={"weights": None})
