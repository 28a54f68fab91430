"""Frame scores of every clip, as a protocol normalises, fuses, aligns and smooths raw scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vadbench.errors import VadbenchError
from vadbench.scoring.protocol import Protocol, Smoothing
from vadbench.scoring.scores import Scores

__all__ = ["Series", "clip_series", "frame_scores", "object_scores"]

Floats = npt.NDArray[np.float64]
Offsets = npt.NDArray[np.int64]


_BY_TEST_SCORES = frozenset({"clip_minmax", "test_minmax"})


@dataclass(frozen=True)
class Series:
    """Frame scores as a protocol aligns and smooths them.

    Attributes:
        scores: For each clip one score per kept frame.
        first: Index, in the clip, of the first kept frame.
        notes: Which clips have no frames left, and which scores are constant.
    """

    scores: dict[str, Floats]
    first: int
    notes: list[str]


def clip_series(
    train: Scores, scores: Scores, protocol: Protocol, weights: Mapping[str, float]
) -> Series:
    """Returns fused, aligned and smoothed frame scores; labels have no part in it.

    Raises:
        VadbenchError: The protocol drops every frame, or a score is too large for it.
    """
    kept_scores: dict[str, Floats] = {}
    notes = _constant_training(train, _weights(scores, protocol, weights), protocol)
    levels: dict[str, float] = {}
    # What is too large to be normalised or smoothed is refused below.
    with np.errstate(over="ignore", invalid="ignore"):
        for clip, values in frame_scores(train, scores, protocol, weights).items():
            window = slice(protocol.drop_first, max(0, len(values) - protocol.drop_last))
            kept = values[window]
            if len(kept) == 0:
                notes.append(f"clip {clip} is shorter than the frames that the protocol drops")
                continue
            if len(kept) > 1 and (kept == kept[0]).all():
                levels[clip] = float(kept[0])
            if protocol.smoothing.before_fusion:
                pass  # It is smoothed already.
            elif protocol.smoothing.before_drop:
                kept = _smooth(values, protocol.smoothing)[window]
            else:
                kept = _smooth(kept, protocol.smoothing)
            bad = np.flatnonzero(~np.isfinite(kept))
            if len(bad):
                raise VadbenchError(
                    f"clip {clip}: under the protocol the score of frame "
                    f"{protocol.drop_first + bad[0]} is {kept[bad[0]]}; raw scores are too large"
                )
            kept_scores[clip] = kept
    if not kept_scores:
        raise VadbenchError("the protocol drops every frame of every clip")
    if len(levels) == len(kept_scores) and len(set(levels.values())) == 1:
        notes.append("all frames have the same score, so that an AUC says nothing")
    elif levels:
        notes.append(f"clips in which all frames have the same score: {', '.join(levels)}")
    return Series(kept_scores, protocol.drop_first, notes)


def frame_scores(
    train: Scores, test: Scores, protocol: Protocol, weights: Mapping[str, float]
) -> dict[str, Floats]:
    """Returns one fused score per frame of each clip, before alignment and smoothing.

    Objects: components are normalised and fused per object, and a frame has its highest object's
    score (HF2-VAD, Sec. 3.3). Components that are per frame are fused with the frame's own.
    Components that are scaled within clips, or smoothed, each by itself have a score per frame
    before they are fused.
    """
    used = _weights(test, protocol, weights)
    objects, frames = _in_decibels(test, protocol)

    def of_frames(name: str) -> Floats:
        if name in objects:
            return _per_frame(test, objects[name], _zero(name, protocol), protocol)
        return frames[name]

    smoothing = protocol.smoothing
    if protocol.normalise in _BY_TEST_SCORES:
        parts = [
            used[name] * _minmax(of_frames(name), test.clip_offsets, protocol) for name in used
        ]
        if smoothing.before_fusion:
            parts = [_smooth_clips(part, test.clip_offsets, smoothing) for part in parts]
        return _by_clip(_fuse(parts, protocol), test, protocol)
    scale = _training_scales(train, used, protocol)

    def normal(name: str, values: Floats) -> Floats:
        centre, width = scale[name]
        return used[name] * (values - centre) / width

    if smoothing.before_fusion:
        parts = [
            _smooth_clips(normal(name, of_frames(name)), test.clip_offsets, smoothing)
            for name in used
        ]
        return _by_clip(_fuse(parts, protocol), test, protocol)
    pieces = []
    object_names = [name for name in used if name in objects]
    if object_names:
        fused = _fuse([normal(name, objects[name]) for name in object_names], protocol)
        zeros = [normal(name, np.array([_zero(name, protocol)])) for name in object_names]
        pieces.append(_per_frame(test, fused, float(_fuse(zeros, protocol)[0]), protocol))
    pieces += [normal(name, frames[name]) for name in used if name in frames]
    return _by_clip(_fuse(pieces, protocol), test, protocol)


def object_scores(
    train: Scores, test: Scores, protocol: Protocol, weights: Mapping[str, float]
) -> Floats | None:
    """Returns one fused score per object, for marking boxes; None if no component has objects.

    Scaled by test scores, an object lies where a frame with its score would.
    """
    used = {n: w for n, w in _weights(test, protocol, weights).items() if n in test.objects}
    if not used:
        return None
    objects, _ = _in_decibels(test, protocol)
    if protocol.normalise in _BY_TEST_SCORES:
        counts = np.diff(_object_starts(test))
        parts = []
        for name, weight in used.items():
            values = _per_frame(test, objects[name], _zero(name, protocol), protocol)
            lowest, width = _ranges(values, test.clip_offsets, protocol)
            moved = objects[name] - np.repeat(lowest, counts)
            parts.append(weight * moved / np.repeat(width, counts))
        return _fuse(parts, protocol)
    scale = _training_scales(train, used, protocol)
    return _fuse([used[n] * (objects[n] - scale[n][0]) / scale[n][1] for n in used], protocol)


def _weights(test: Scores, protocol: Protocol, weights: Mapping[str, float]) -> dict[str, float]:
    """Returns the weight of each component that takes part, in the method's order."""
    used = dict(protocol.weights if protocol.weights is not None else weights)
    used = used or dict.fromkeys(test.components, 1.0)
    unknown = sorted(set(used) - set(test.components))
    if unknown:
        raise VadbenchError(
            f"weight for {unknown[0]!r}, but the scores hold {', '.join(test.components)}"
        )
    if protocol.weights is None and len(used) == len(protocol.shares or ()):
        # Sorting is stable: among errors, and among the rest, the order is the method's.
        order = sorted(used, key=lambda name: name not in (protocol.squared_errors or ()))
        used = dict(zip(order, protocol.shares or (), strict=True))
    if protocol.fusion == "max":
        # Of no weight is not of no score, which would be a maximum's floor.
        used = {name: weight for name, weight in used.items() if weight} or used
    return used


def _fuse(parts: Sequence[Floats], protocol: Protocol) -> Floats:
    stacked = np.stack(parts)
    fused: Floats = stacked.max(axis=0) if protocol.fusion == "max" else stacked.sum(axis=0)
    return fused


def _is_error(name: str, protocol: Protocol) -> bool:
    return protocol.psnr and name in (protocol.squared_errors or ())


def _zero(name: str, protocol: Protocol) -> float:
    """Score of a frame without objects: of no error, whose PSNR has no bound, the clip's lowest."""
    return -np.inf if _is_error(name, protocol) else 0.0


def _in_decibels(
    scores: Scores, protocol: Protocol
) -> tuple[Mapping[str, Floats], Mapping[str, Floats]]:
    """Returns scores of objects and frames, squared errors as negative PSNR where that is asked.

    PSNR = 10 log10(peak^2 / error) falls as the error grows, so its negative is 10 log10(error)
    plus a constant, which scaling within a clip takes away again.
    """
    if not any(_is_error(name, protocol) for name in scores.components):
        return scores.objects, scores.frames
    starts = _object_starts(scores)
    groups: list[dict[str, Floats]] = []
    for group, offsets in ((scores.objects, starts), (scores.frames, scores.clip_offsets)):
        groups.append(
            {
                name: _decibels(name, values, offsets, scores.clips)
                if _is_error(name, protocol)
                else values
                for name, values in group.items()
            }
        )
    return groups[0], groups[1]


def _decibels(name: str, errors: Floats, offsets: Offsets, clips: Sequence[str]) -> Floats:
    """Returns 10 log10 of errors; an error of 0 counts as the smallest other one of its clip."""
    result = np.zeros_like(errors)
    for clip, (start, end) in zip(clips, pairwise(offsets.tolist()), strict=True):
        part = errors[start:end]
        if (part < 0).any():
            raise VadbenchError(
                f"clip {clip}: {name} is taken for a squared error, but has values below 0"
            )
        positive = part[part > 0]
        if len(positive):
            result[start:end] = 10 * np.log10(np.maximum(part, positive.min()))
    return result


def _object_starts(scores: Scores) -> Offsets:
    """Returns (C + 1,) index of each clip's first object."""
    starts: Offsets = scores.object_offsets[scores.clip_offsets]
    return starts


def _training_scales(
    train: Scores, used: Mapping[str, float], protocol: Protocol
) -> dict[str, tuple[float, float]]:
    """Returns what is taken from each component, and what it is then divided by."""
    if protocol.normalise == "none":
        return dict.fromkeys(used, (0.0, 1.0))
    objects, frames = _in_decibels(train, protocol)
    scales = {}
    for name in used:
        values = objects.get(name, frames.get(name))
        if values is None or len(values) == 0:
            raise VadbenchError(f"no training scores of {name!r}: the protocol cannot normalise it")
        if protocol.normalise == "train_minmax":
            centre, width = float(values.min()), float(np.ptp(values))
        else:
            centre, width = float(values.mean()), float(values.std())
        if not np.isfinite([centre, width]).all():
            raise VadbenchError(f"training scores of {name!r} are too large to be normalised by")
        # A component that is constant on the training clips keeps its own scale. The deviation of
        # equal numbers is not always 0.
        scales[name] = centre, width if values.min() < values.max() else 1.0
    return scales


def _constant_training(train: Scores, used: Mapping[str, float], protocol: Protocol) -> list[str]:
    """Says which components have no scale by which the protocol could normalise them."""
    if protocol.normalise not in {"train_z", "train_minmax"}:
        return []
    every = {**train.objects, **train.frames}
    constant = [
        name for name in used if len(every.get(name, ())) and every[name].min() == every[name].max()
    ]
    return [
        f"training scores of {name} are all the same: it is shifted by them, but not scaled"
        for name in constant
    ]


def _per_frame(scores: Scores, values: Floats, zero: float, protocol: Protocol) -> Floats:
    """Highest object of each frame; frames without one as the protocol says."""
    counts = np.diff(scores.object_offsets)
    filled = counts > 0
    result = np.full(scores.n_frames, zero if np.isfinite(zero) else 0.0)
    if filled.any():
        # reduceat over the starts of non-empty frames only: an empty one has no segment.
        starts = scores.object_offsets[:-1][filled]
        result[filled] = np.maximum.reduceat(values, starts)
    if protocol.empty_frame == "lowest" or not np.isfinite(zero):
        for start, end in pairwise(scores.clip_offsets.tolist()):
            own = values[scores.object_offsets[start] : scores.object_offsets[end]]
            if len(own):
                result[start:end][~filled[start:end]] = own.min()
    if protocol.empty_frame == "nearest":
        for start, end in pairwise(scores.clip_offsets.tolist()):
            known = np.flatnonzero(filled[start:end])
            if len(known):
                # Halfway between two frames lies nearer to the earlier.
                later = np.searchsorted((known[1:] + known[:-1]) / 2, np.arange(end - start))
                result[start:end] = result[start:end][known[later]]
    return result


def _ranges(values: Floats, offsets: Offsets, protocol: Protocol) -> tuple[Floats, Floats]:
    """Returns the lowest score of each clip and its range, over frames that count, (C,) each.

    What is dropped, or a copy of another frame's score, does not count. A constant clip has the
    range 1 about its score, so that it becomes 0. Under `test_minmax` every clip has the range of
    all of them.
    """
    lowest, width = np.zeros(len(offsets) - 1), np.ones(len(offsets) - 1)
    counted: list[Floats] = []
    for number, (start, end) in enumerate(pairwise(offsets.tolist())):
        first = max(protocol.drop_first, protocol.fill_first)
        part = values[start + first : max(start, end - protocol.drop_last)]
        if not len(part):
            # Nothing of the clip counts; what is filled of it has a scale all the same.
            part = values[start:end]
        else:
            counted.append(part)
        if len(part):
            lowest[number] = part.min()
            width[number] = np.ptp(part) or 1.0
    if protocol.normalise == "test_minmax" and counted:
        every = np.concatenate(counted)
        lowest[:], width[:] = every.min(), np.ptp(every) or 1.0
    return lowest, width


def _minmax(values: Floats, offsets: Offsets, protocol: Protocol) -> Floats:
    lowest, width = _ranges(values, offsets, protocol)
    counts = np.diff(offsets)
    scaled: Floats = (values - np.repeat(lowest, counts)) / np.repeat(width, counts)
    return scaled


def _by_clip(values: Floats, scores: Scores, protocol: Protocol) -> dict[str, Floats]:
    spans = pairwise(scores.clip_offsets.tolist())
    parts = {clip: values[a:b] for clip, (a, b) in zip(scores.clips, spans, strict=True)}
    count = protocol.fill_first
    if count:
        parts = {
            clip: np.concatenate([np.repeat(part[count : count + 1], count), part[count:]])
            if len(part) > count
            else part
            for clip, part in parts.items()
        }
    return parts


def _smooth_clips(values: Floats, offsets: Offsets, smoothing: Smoothing) -> Floats:
    parts = [_smooth(values[a:b], smoothing) for a, b in pairwise(offsets.tolist()) if a < b]
    return np.concatenate(parts) if parts else values


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
