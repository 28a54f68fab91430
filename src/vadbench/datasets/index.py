"""Writes down what a data set is: `index.json`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import write_atomically
from vadbench.artefacts.kinds import RECORDS
from vadbench.artefacts.seal import EMPTY, seal_bytes
from vadbench.datasets import Labels
from vadbench.datasets.intervals import from_intervals, intervals
from vadbench.errors import VadbenchError

__all__ = [
    "build_index",
    "index_anomalies",
    "index_labels",
    "load_json",
    "write_json",
]

_USUAL_FPS = 25.0
_SAME_FPS = 0.01  # relative; 29.97 and 30 are one


def build_index(
    dataset: str,
    family: str,
    fps: float | None,
    clips: Mapping[str, Sequence[Mapping[str, Any]]],
    labels: Labels,
    official: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Any]:
    """Puts checked clips and labels together.

    Args:
        dataset: Name of the data set in the configuration.
        family: Its family.
        fps: Frames per second; None for what the clips' files state.
        clips: Records of `check_clip` by split, in order.
        labels: Labels of the test clips.
        official: Frames per clip in the official archive; a difference is a warning.

    Raises:
        VadbenchError: A clip has no labels, or of another length, or clips differ in frame size,
            channels, or a frame rate that the configuration does not say.
    """
    warnings = list(labels.warnings)
    fps = _frame_rate(dataset, fps, [*clips["train"], *clips["test"]], warnings)
    sizes: dict[tuple[int, int], str] = {}
    kinds: dict[int, str] = {}
    for record in [*clips["train"], *clips["test"]]:
        sizes.setdefault((record["width"], record["height"]), record["clip"])
        kinds.setdefault(record["channels"], record["clip"])
    if len(sizes) > 1:
        words = ", ".join(f"{w} x {h} from clip {clip}" for (w, h), clip in sizes.items())
        raise VadbenchError(f"{dataset}: frames of different sizes: {words}")
    if len(kinds) > 1:
        raise VadbenchError(
            f"{dataset}: clip {kinds[1]} is grey and clip {kinds[3]} in colour; give the data set "
            "the key 'colour: colour' (three channels for all), or 'colour: grey' (one)"
        )
    for record in clips["test"]:
        vector = labels.clips.get(record["clip"])
        if vector is None:
            raise VadbenchError(f"{labels.source}: no labels for clip {record['clip']}")
        if len(vector) != record["n_frames"]:
            raise VadbenchError(
                f"{labels.source}: clip {record['clip']}: {len(vector)} labels for "
                f"{record['n_frames']} frames; labels and frames are not of the same data set"
            )
    for split, expected in (official or {}).items():
        found = [record["n_frames"] for record in clips[split]]
        if found != list(expected):
            warnings.append(_count_warning(dataset, split, clips[split], found, expected))
    return {
        "schema": RECORDS["index.json"],
        "dataset": dataset,
        "family": family,
        "fps": fps,
        "clips": {split: list(records) for split, records in clips.items()},
        "labels": {
            "known": labels.known,
            "source": labels.source,
            "sha256": labels.sha256,
            "clips": {
                record["clip"]: intervals(labels.clips[record["clip"]]) for record in clips["test"]
            },
            "anomalies": {
                kind: {clip: intervals(vector) for clip, vector in vectors.items()}
                for kind, vectors in labels.anomalies.items()
            },
        },
        "warnings": warnings,
    }


def _frame_rate(
    dataset: str,
    fps: float | None,
    records: Sequence[Mapping[str, Any]],
    warnings: list[str],
) -> float:
    """The frames per second that count; what a reader has to know of them is added to warnings."""
    stated: dict[float, str] = {}
    for record in records:
        if record["fps"] is not None:
            stated.setdefault(record["fps"], record["clip"])
    if fps is None and not stated:
        warnings.append(
            f"{dataset}: nothing says how many frames a second has; {_USUAL_FPS:g} were taken (fps)"
        )
        return _USUAL_FPS
    counts = next(iter(stated)) if fps is None else fps
    for rate, clip in stated.items():
        if abs(rate - counts) <= _SAME_FPS * counts:
            continue
        if fps is None:
            raise VadbenchError(
                f"{dataset}: clip {stated[counts]} has {counts:g} frames per second, clip {clip} "
                f"{rate:g}; give the data set the key fps, or convert the videos to one rate"
            )
        warnings.append(
            f"{dataset}: clip {clip} says {rate:g} frames per second, but times are counted with "
            f"fps: {fps:g}"
        )
        break
    return counts


def _count_warning(
    dataset: str,
    split: str,
    records: Sequence[Mapping[str, Any]],
    found: Sequence[int],
    expected: Sequence[int],
) -> str:
    text = (
        f"{dataset}: {len(found)} {split} clips with {sum(found)} frames; the official archive has "
        f"{len(expected)} with {sum(expected)}"
    )
    for record, count, official in zip(records, found, expected, strict=False):
        if count != official:
            return f"{text} (clip {record['clip']}: {count} frames, officially {official})"
    return text


def index_labels(index: Mapping[str, Any]) -> dict[str, npt.NDArray[np.uint8]]:
    """Returns the label vectors of an index by test clip, in clip order."""
    return _vectors(index, index["labels"]["clips"])


def index_anomalies(index: Mapping[str, Any]) -> dict[str, dict[str, npt.NDArray[np.uint8]]]:
    """Returns, for each kind of anomaly that the data set tells apart, a vector by test clip."""
    return {kind: _vectors(index, spans) for kind, spans in index["labels"]["anomalies"].items()}


def _vectors(index: Mapping[str, Any], spans: Any) -> dict[str, npt.NDArray[np.uint8]]:
    return {
        record["clip"]: from_intervals(
            [(start, end) for start, end in spans[record["clip"]]],
            record["n_frames"],
            f"index of {index['dataset']}: clip {record['clip']}",
        )
        for record in index["clips"]["test"]
    }


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Writes JSON whole or not at all, sealed."""
    with write_atomically(path) as stream:
        stream.write(
            seal_bytes((json.dumps({"seal": EMPTY} | dict(content), indent=1) + "\n").encode())
        )


def load_json(path: str | Path) -> Any:
    """Reads a JSON file, but for its seal.

    Raises:
        VadbenchError: It is missing or damaged.
    """
    try:
        content = json.loads(Path(path).read_text())
    except PermissionError as error:
        raise VadbenchError(f"{path}: cannot be read ({error.strerror})") from error
    except (OSError, ValueError, RecursionError) as error:
        raise VadbenchError(f"{path}: cannot be read ({error}); delete it and run again") from error
    if isinstance(content, dict):
        content.pop("seal", None)
    return content
