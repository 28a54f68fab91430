"""Evaluates somebody else's frame scores under any protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import file_digest
from vadbench.datasets.labels import READERS, holds_intervals, labels_of, read_label_file
from vadbench.errors import VadbenchError
from vadbench.scoring.evaluate import evaluate, measure
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.vectors import Vectors, natural, read_vectors, require_file

__all__ = ["Kind", "Refusal", "Truth", "align", "evaluate_scores", "labels_from_file"]

Floats = npt.NDArray[np.float64]
Kind = Literal["score", "error", "psnr"]


@dataclass(frozen=True)
class Truth:
    """Labels to evaluate against.

    Attributes:
        clips: (T,) 0/1 vectors by test clip.
        source: Where they come from.
        sha256: Digest of the label files.
        dataset: The data set's name in the literature; empty where there is none.
        notes: What had to be assumed.
    """

    clips: Mapping[str, npt.NDArray[np.uint8]]
    source: str
    sha256: str
    dataset: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Refusal:
    """A protocol that scores could not be evaluated under, and why."""

    protocol: str
    reason: str


def labels_from_file(path: Path, scores: Vectors, lengths: Sequence[int] | None = None) -> Truth:
    """Reads labels of clips that no data set describes.

    How many frames each clip has is told by `lengths`, by the labels themselves where these are one
    vector per clip, or else by scores that are.

    Args:
        path: A .csv, .npy, .npz, .mat, .json or .m file.
        scores: The scores that go with them.
        lengths: Frames of each clip, in order.

    Raises:
        VadbenchError: The file is damaged, or what it holds cannot be assigned to frames.
    """
    require_file(path)
    if path.suffix.lower() not in READERS:
        raise VadbenchError(f"{path}: labels are read from {', '.join(READERS)} files")
    notes = []
    per_clip = None if scores.is_flat else scores
    own = None if holds_intervals(path) else read_vectors(path, role="labels")
    if lengths is not None:
        clips = _named([str(n) for n in range(1, len(lengths) + 1)], lengths)
        if own is not None and own.names is not None and len(own.names) == len(lengths):
            clips = _named(own.names, lengths)
        elif per_clip is not None and per_clip.names and len(per_clip.names) == len(lengths):
            clips = _named(per_clip.names, lengths)
    elif own is not None and not own.is_flat:
        clips = _named(own.names, [len(vector) for vector in own.values])
    elif per_clip is not None:
        clips = _named(per_clip.names, [len(vector) for vector in per_clip.values])
        if own is not None and len(own.values[0]) != sum(clips.values()):
            raise VadbenchError(
                f"{path}: {len(own.values[0])} labels in one vector, but the scores of "
                f"{len(clips)} clips have {sum(clips.values())} frames; give --lengths if scores "
                "lack frames that a protocol drops"
            )
        notes.append("frames of each clip counted in the scores")
    elif own is not None:
        clips = {"all": len(own.values[0])}
        notes.append(
            "one vector and no lengths: taken as a single clip, so that frames are dropped, scaled "
            "and smoothed as if it were one (--lengths says where clips end)"
        )
    else:
        raise VadbenchError(
            f"{path}: holds intervals, and nothing says how many frames each clip has; give "
            "--lengths, or one vector of scores per clip"
        )
    if len(clips) > 1 and scores.is_flat != (own is not None and own.is_flat):
        # A vector over all clips is cut in the order in which people count them, not in that in
        # which another file happens to list them.
        if own is None or not own.is_flat or lengths is None:
            clips = {clip: clips[clip] for clip in sorted(clips, key=natural)}
        order = list(clips)
        notes.append(
            f"one vector holds the clips in the order {order[0]}, {order[1]}, ... {order[-1]}"
        )
    found = read_label_file(path, clips) if own is None else labels_of(own, clips)
    return Truth(found, str(path), file_digest(path), notes=notes)


def _named(names: Sequence[str] | None, lengths: Sequence[int]) -> dict[str, int]:
    names = names or [str(n) for n in range(1, len(lengths) + 1)]
    return dict(zip(names, lengths, strict=True))


def align(
    scores: Vectors, lengths: Mapping[str, int], protocol: Protocol
) -> tuple[dict[str, Floats], list[str]]:
    """Assigns scores to the frames of clips.

    Scores that lack just the frames that the protocol drops, or fills, are taken as aligned
    already. The missing frames then have the next score, which is never used.

    Args:
        scores: One vector over all clips, or one per clip.
        lengths: Frames of each clip, in order.
        protocol: The protocol.

    Returns:
        A vector for each clip, and what was assumed.

    Raises:
        VadbenchError: Lengths do not fit, or a score that counts is not finite; the clip and, of
            such a score, the frame is named.
    """
    head, tail = max(protocol.drop_first, protocol.fill_first), protocol.drop_last
    shorter = {clip: max(0, n_frames - head - tail) for clip, n_frames in lengths.items()}
    found, notes = _by_clip(scores, lengths, shorter)
    is_short = bool(head + tail) and all(len(found[clip][0]) == shorter[clip] for clip in lengths)
    result = {}
    skipped = 0
    for clip, n_frames in lengths.items():
        values, first = found[clip]
        start = head if is_short else 0
        expected = shorter[clip] if is_short else n_frames
        if len(values) != expected:
            known = f"{n_frames} frames"
            if head + tail:
                known += f", or {shorter[clip]} without those that the protocol drops or fills"
            raise VadbenchError(
                f"{scores.path}: clip {clip}: {len(values)} scores for {known}; give scores of the "
                "same frames as the labels"
            )
        if first not in {None, start, start + 1}:
            raise VadbenchError(
                f"{scores.path}: clip {clip}: scores start at frame {first}, expected "
                f"{start} (or {start + 1}, counted from 1)"
            )
        if is_short:
            if protocol.smoothing.sees_dropped:
                raise VadbenchError(
                    f"{scores.path}: frames are missing that the protocol smooths over before it "
                    "drops them"
                )
            if len(values):
                values = np.concatenate(
                    [np.repeat(values[:1], head), values, np.repeat(values[-1:], tail)]
                )
            else:
                values = np.zeros(n_frames)
        counted = np.ones(n_frames, np.bool_)
        if not protocol.smoothing.sees_dropped:
            counted[:head] = False
            counted[max(0, n_frames - tail) :] = False
        bad = np.flatnonzero(~np.isfinite(values) & counted)
        if len(bad):
            more = f", and {len(bad) - 1} more of the clip" if len(bad) > 1 else ""
            raise VadbenchError(
                f"{scores.path}: clip {clip}: the score of frame {bad[0]} is {values[bad[0]]}"
                f"{more}; nothing stands in for it"
            )
        unused = ~np.isfinite(values)
        skipped += int(unused.sum())
        result[clip] = np.where(unused, 0.0, values)
    if is_short:
        notes.append(
            f"scores are aligned already: the first {head} and last {tail} frames of each clip, "
            "which the protocol drops or fills, have none"
        )
    if skipped:
        notes.append(f"{skipped} scores that are not finite are of frames that do not count")
    return result, notes


def _by_clip(
    scores: Vectors, lengths: Mapping[str, int], shorter: Mapping[str, int]
) -> tuple[dict[str, tuple[Floats, int | None]], list[str]]:
    """Cuts one vector into clips, or assigns vectors, and first frames, by name or order."""
    clips = list(lengths)
    if scores.is_flat and len(clips) > 1:
        (values,) = scores.values
        for expected in (lengths, shorter):
            if len(values) == sum(expected.values()):
                parts = np.split(values, np.cumsum(list(expected.values()))[:-1])
                start = scores.first[0] if scores.first else None
                starts = [start, *[None] * (len(clips) - 1)]
                return dict(zip(clips, zip(parts, starts, strict=True), strict=True)), []
        known = f"{sum(lengths.values())} frames"
        if sum(shorter.values()) != sum(lengths.values()):
            known += f", or {sum(shorter.values())} without those that the protocol drops or fills"
        raise VadbenchError(
            f"{scores.path}: {len(values)} scores, but the {len(clips)} test clips have {known}"
        )
    names = scores.names or clips
    if set(names) & set(clips) and set(names) != set(clips):
        missing = ", ".join(clip for clip in clips if clip not in names) or "none"
        extra = ", ".join(name for name in names if name not in clips) or "none"
        raise VadbenchError(
            f"{scores.path}: some clips have other names than the labels; without scores: "
            f"{missing}; with scores only: {extra}"
        )
    if len(scores.values) != len(clips):
        raise VadbenchError(f"{scores.path}: {scores.misfit(lengths)}")
    firsts: Sequence[int | None] = scores.first or [None] * len(clips)
    by_name = dict(zip(names, zip(scores.values, firsts, strict=True), strict=True))
    if set(names) == set(clips):
        return {clip: by_name[clip] for clip in clips}, []
    order, wanted = sorted(names, key=natural), sorted(clips, key=natural)
    other = dict(zip(wanted, order, strict=True))
    note = f"clips have other names and are matched by order ({order[0]!r} is {wanted[0]!r}, ...)"
    return {clip: by_name[other[clip]] for clip in clips}, [note]


def evaluate_scores(
    scores: Vectors,
    truth: Truth,
    protocols: Mapping[str, Protocol],
    train: Vectors | None = None,
    kind: Kind = "score",
) -> tuple[list[dict[str, Any]], list[Refusal]]:
    """Evaluates scores under protocols.

    Without training scores a protocol that normalises by them leaves that step out, and the note of
    every number says so: of one score it is a shift and a scale, which move no rank, but for the
    zeros that a median pads with. A macro AUC of padded clips, whose 0 has to be the lowest score,
    is then left out where scores lie below 0. Statistics of test scores never stand in.

    Args:
        scores: Scores of the test frames.
        truth: Labels of the same frames.
        protocols: Protocols by name.
        train: Scores of normal training frames.
        kind: `score`: higher is more abnormal; `error`: a squared error, of which protocols that
            scale PSNR take it; `psnr`: a PSNR, lower is more abnormal.

    Returns:
        Records with protocol, metric, clip, value, low, high, note, labels_source and
        labels_sha256; and the protocols that were refused.

    Raises:
        VadbenchError: The labels are of one class, or training scores are not finite.
    """
    every = np.concatenate(list(truth.clips.values()))
    if every.min() == every.max():
        raise VadbenchError(
            f"{truth.source}: all {len(every)} labels are {every.min()}; without frames of both "
            "classes there is no AUC"
        )
    sign = -1 if kind == "psnr" else 1
    lengths = {clip: len(vector) for clip, vector in truth.clips.items()}
    normal = _training(train, sign) if train is not None else None
    known: dict[str, tuple[list[dict[str, Any]], list[str]] | VadbenchError] = {}

    def measured(used: Protocol) -> tuple[list[dict[str, Any]], list[str]] | VadbenchError:
        try:
            vectors, notes = align(scores, lengths, used)
            test = _as_scores(vectors, sign)
            result = evaluate(normal or test, test, truth.clips, used, {"score": 1.0})
        except VadbenchError as error:
            return error
        return measure(result), [*notes, *result.notes]

    records: list[dict[str, Any]] = []
    refused = []
    for name, protocol in protocols.items():
        used = protocol.resolved(truth.dataset, ["score"] if kind == "error" else []).alone()
        if normal is None and used.normalise in {"train_z", "train_minmax"}:
            used = used.model_copy(update={"normalise": "none"})
        # Several protocols are the same for one score; each is measured once.
        if used.measured not in known:
            known[used.measured] = measured(used)
        found = known[used.measured]
        if isinstance(found, VadbenchError):
            refused.append(Refusal(name, str(found)))
            continue
        notes = [*truth.notes, *_assumed(protocol, truth.dataset, kind, normal), *found[1]]
        note = "; ".join(dict.fromkeys(filter(None, notes)))
        for item in found[0]:
            item = {key: value for key, value in item.items() if key != "anomaly"}
            about = {"labels_source": truth.source, "labels_sha256": truth.sha256}
            records.append({"protocol": name} | item | {"note": note} | about)
    return records, refused


def _assumed(protocol: Protocol, dataset: str, kind: Kind, train: Scores | None) -> list[str]:
    """Says what a protocol cannot do with one vector of scores."""
    notes = []
    if train is None and protocol.normalise in {"train_z", "train_minmax"}:
        lost = "not normalised by training scores, since there are none (--train-scores)"
        if protocol.smoothing.kind != "none" and protocol.smoothing.padding == "zero":
            lost += (
                ", so that the zeros beyond the ends of clips lie elsewhere among the scores: this "
                "moves AUCs (scores of boxes on Ped2: micro by up to 2.4 points, macro by 5)"
            )
        notes.append(lost)
    if protocol.psnr and kind == "score":
        notes.append("scores scaled as they are (--kind error if they are squared errors)")
    if protocol.shares:
        notes.append("one score, so that its weights do not apply")
    others = protocol.smoothing.sigma_by_dataset
    if others and not dataset:
        words = ", ".join(f"{value:g} on {name}" for name, value in others.items())
        notes.append(
            f"Gaussian of {protocol.smoothing.sigma:g} frames, where the source has {words}"
        )
    return notes


def _training(train: Vectors, sign: int) -> Scores:
    for n, vector in enumerate(train.values):
        bad = np.flatnonzero(~np.isfinite(vector))
        if len(bad):
            clip = train.names[n] if train.names else str(n + 1)
            raise VadbenchError(
                f"{train.path}: clip {clip}: the training score of frame {bad[0]} is "
                f"{vector[bad[0]]}"
            )
    return _as_scores({str(n): vector for n, vector in enumerate(train.values)}, sign)


def _as_scores(vectors: Mapping[str, Floats], sign: int) -> Scores:
    lengths = [len(vector) for vector in vectors.values()]
    values = sign * np.concatenate(list(vectors.values()))
    return Scores.of_frames(list(vectors), lengths, {"score": values})
