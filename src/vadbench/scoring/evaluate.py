"""Evaluates raw scores under a protocol: frame scores of every clip, and metrics."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError
from vadbench.scoring.metrics import (
    PADDED,
    Interval,
    auc,
    auc_interval,
    average_precision,
    best_f1,
    draw_clips,
    equal_error_rate,
    macro_auc,
    macro_interval,
    metric_intervals,
)
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series, object_scores

if TYPE_CHECKING:
    from vadbench.regions import Regions

__all__ = [
    "Evaluation",
    "anomaly_auc",
    "evaluate",
    "evaluate_maps",
    "evaluate_run",
    "measure",
    "protocol_matrix",
]

Floats = npt.NDArray[np.float64]
Labels = Mapping[str, npt.NDArray[np.uint8]]
Record = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """Scores and labels as a protocol aligns them.

    Attributes:
        scores: For each clip one score per kept frame.
        labels: For each clip the labels of the same frames.
        first: Index, in the clip, of the first kept frame.
        metrics: Name to value; `auc_micro`, `auc_macro`.
        clip_auc: AUC of each clip that has both classes; of every clip where they are padded.
        notes: What was done about clips or scores that no AUC exists for.
        clip_note: What was done to clips before their AUC was taken, if anything.
    """

    scores: dict[str, Floats]
    labels: dict[str, npt.NDArray[np.uint8]]
    first: int
    metrics: dict[str, float]
    clip_auc: dict[str, float]
    notes: list[str]
    clip_note: str = ""

    @property
    def note(self) -> str:
        """All notes in a line."""
        return "; ".join(item for item in self.notes if item)

    @property
    def kept(self) -> dict[str, slice]:
        """The frames of each clip that count."""
        return {
            clip: slice(self.first, self.first + len(part)) for clip, part in self.scores.items()
        }


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
    micro = auc(truth, everything)
    if micro is None:
        kind = "abnormal" if truth.any() else "normal"
        raise VadbenchError(
            f"of the {len(truth)} test frames that the protocol keeps all are {kind}; there is no "
            "AUC"
        )
    macro, clip_auc, note = macro_auc(kept_labels, kept_scores, protocol.one_class_clips)
    notes.append(note)
    if protocol.one_class_clips == "pad" and (below := int((everything < 0).sum())):
        said = f"{below} of {len(everything)} frames score below the 0 of the padded normal frame"
        if protocol.normalise in {"train_minmax", "clip_minmax", "test_minmax"}:
            notes.append(f"{said}, which lowers the macro AUC if they are abnormal")
        else:
            # Where 0 lies among scores that nothing brings to 0 to 1 is chance.
            macro, clip_auc = None, {}
            notes[-1] = f"no macro AUC: {said}, which has to be the lowest"
    metrics = {"auc_micro": micro}
    if macro is not None:
        metrics["auc_macro"] = macro
    clip_note = PADDED if protocol.one_class_clips == "pad" else ""
    return Evaluation(kept_scores, kept_labels, series.first, metrics, clip_auc, notes, clip_note)


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


def measure(result: Evaluation) -> list[Record]:
    """Returns every frame-level metric with its 95 % interval over clips, and each clip's AUC."""
    labels, scores = list(result.labels.values()), list(result.scores.values())
    truth, everything = np.concatenate(labels), np.concatenate(scores)
    drawn = draw_clips(len(scores))
    bounds = metric_intervals(labels, scores, drawn)
    bounds["auc_macro"] = macro_interval(result.clip_auc, list(result.scores), drawn)
    f1, limit = best_f1(truth, everything)
    values = result.metrics | {
        "eer": equal_error_rate(truth, everything),
        "average_precision": average_precision(truth, everything),
        "f1": f1,
        "f1_threshold": limit,
    }
    records = [
        record(metric, value, bounds.get(metric), note=result.note)
        for metric, value in values.items()
    ]
    return records + [
        record("auc_clip", value, clip=clip, note=result.clip_note)
        for clip, value in result.clip_auc.items()
    ]


def evaluate_run(
    scores: Mapping[str, tuple[Scores, Scores]],
    labels: Labels,
    protocols: Mapping[str, Protocol],
    weights: Mapping[str, float],
    anomalies: Mapping[str, Labels] | None = None,
    regions: "Regions | None" = None,
    needed: Collection[str] = (),
) -> list[Record]:
    """Evaluates a run under every protocol, fused and component by component.

    A protocol that does not fit the test set, such as one that drops all abnormal frames, is left
    out, and the log says why.

    Args:
        scores: Training and test scores by how the epoch was chosen (`last`, `best_test`, ...).
        labels: Labels by test clip.
        protocols: Protocols by name.
        weights: The method's fusion weights; empty for a method whose components stand alone.
        anomalies: Vectors by kind of anomaly and test clip, where the data set tells kinds apart.
        regions: Abnormal regions of the test clips, for region and track metrics of objects.
        needed: Protocols that have to fit.

    Returns:
        Records with selection, protocol, score (`fused` or a component), metric, clip, anomaly,
        value, low and high (the 95 % interval over clips, None where there is none) and note.

    Raises:
        VadbenchError: One of the protocols that have to fit does not.
    """

    def measured(
        protocol: Protocol, chosen: Mapping[str, float], train: Scores, test: Scores
    ) -> list[Record]:
        result = evaluate(train, test, labels, protocol, chosen)
        found = measure(result)
        found += [
            record("auc_anomaly", value, anomaly=kind)
            for kind, value in anomaly_auc(result, anomalies or {}).items()
        ]
        if regions is not None:
            per_object = object_scores(train, test, protocol, chosen)
            if per_object is not None:
                found += _region_records(regions, test, per_object, result.kept)
        return found

    return _every_choice(scores, protocols, weights, measured, needed)


def protocol_matrix(
    scores: Mapping[str, tuple[Scores, Scores]],
    labels: Labels,
    protocols: Mapping[str, Protocol],
    weights: Mapping[str, float],
) -> list[Record]:
    """Micro and macro AUC of a run under every protocol, with intervals; see `evaluate_run`."""

    def measured(
        protocol: Protocol, chosen: Mapping[str, float], train: Scores, test: Scores
    ) -> list[Record]:
        result = evaluate(train, test, labels, protocol, chosen)
        drawn = draw_clips(len(result.scores))
        pairs = list(result.labels.values()), list(result.scores.values())
        bounds = {
            "auc_micro": auc_interval(*pairs, drawn),
            "auc_macro": macro_interval(result.clip_auc, list(result.scores), drawn),
        }
        return [
            record(metric, value, bounds[metric], note=result.note)
            for metric, value in result.metrics.items()
        ]

    return _every_choice(scores, protocols, weights, measured)


def _every_choice(
    scores: Mapping[str, tuple[Scores, Scores]],
    protocols: Mapping[str, Protocol],
    weights: Mapping[str, float],
    measured: Callable[[Protocol, Mapping[str, float], Scores, Scores], list[Record]],
    needed: Collection[str] = (),
) -> list[Record]:
    """Measures every selection, protocol and score of a run; once what is the same by two names."""
    records: list[Record] = []
    for selection, (train, test) in scores.items():
        choices: dict[str, Mapping[str, float]] = {n: {n: 1.0} for n in test.components}
        if weights:
            choices = {"fused": weights} | choices
        known: dict[tuple[str, str], list[Record] | VadbenchError] = {}
        for name, protocol in protocols.items():
            alone = protocol.alone()
            for score, chosen in choices.items():
                used = protocol if score == "fused" else alone
                if not set(used.weights or ()) <= set(test.components):
                    continue  # Its weights are for other methods' components.
                key = score, used.measured
                if key not in known:
                    try:
                        known[key] = measured(used, chosen, train, test)
                    except VadbenchError as error:
                        known[key] = error
                found = known[key]
                if isinstance(found, VadbenchError):
                    if name in needed:
                        raise VadbenchError(f"protocol {name}: {found}") from found
                    log.warning(
                        "%s of %s: protocol %s is left out (%s)", score, selection, name, found
                    )
                    continue
                about = {"selection": selection, "protocol": name, "score": score}
                records += [about | item for item in found]
    return records


def _region_records(
    regions: "Regions", test: Scores, per_object: Floats, kept: Mapping[str, slice]
) -> list[Record]:
    from vadbench.scoring.regions import count_boxes, summarise

    counts = count_boxes(regions, test, per_object, kept)
    if counts is None:
        return []
    found = summarise(counts, draw_clips(len(counts.frames)))
    note = _region_note(regions, "scored objects")
    return [record(metric, value, bounds, note=note) for metric, (value, bounds) in found.items()]


def evaluate_maps(
    maps: Mapping[str, Mapping[str, npt.NDArray[np.float16]]],
    regions: "Regions",
    open_mask: Callable[[str], Callable[[int], npt.NDArray[np.bool_]] | None],
) -> list[Record]:
    """Evaluates the maps of each component in space, as they are, under the protocol `raw`.

    Args:
        maps: Maps (T, H, W) by component and clip; read clip by clip.
        regions: Abnormal regions of the test clips.
        open_mask: Returns what reads a clip's masks, or None.
    """
    from vadbench.scoring import pixels
    from vadbench.scoring.regions import count_maps, summarise

    records = []
    for component, clips in maps.items():
        about = {"selection": "last", "protocol": "raw", "score": component}
        counts = []
        for clip in clips:
            mask = open_mask(clip)
            if mask is not None:
                counts.append(pixels.count_pixels(clips[clip], mask))
        found = pixels.summarise(counts, draw_clips(len(counts))) if counts else {}
        note = f"over {len(counts)} of {len(clips)} clips, which have masks" if counts else ""
        records += [about | record(name, *value, note=note) for name, value in found.items()]
        lengths = zip(regions.clips, np.diff(regions.clip_offsets).tolist(), strict=True)
        kept = {clip: slice(0, length) for clip, length in lengths}
        in_space = count_maps(regions, clips, kept)
        if in_space is not None:
            note = _region_note(regions, "components of thresholded maps")
            areas = summarise(in_space, draw_clips(len(in_space.frames)))
            records += [about | record(name, *value, note=note) for name, value in areas.items()]
    return records


def _region_note(regions: "Regions", found: str) -> str:
    about = f"detected regions: {found}; ground truth: {regions.source}"
    if regions.source == "pixel masks":
        about += ", tracks by overlap of successive frames"
    unknown = len(regions.known) - int(regions.known.sum())
    return about + (f"; {unknown} clips without masks left out" if unknown else "")


def record(
    metric: str,
    value: float,
    bounds: Interval = None,
    *,
    clip: str = "",
    anomaly: str = "",
    note: str = "",
) -> Record:
    """Returns a record of one number."""
    low, high = bounds or (None, None)
    return {
        "metric": metric,
        "clip": clip,
        "anomaly": anomaly,
        "value": value,
        "low": low,
        "high": high,
        "note": note,
    }
