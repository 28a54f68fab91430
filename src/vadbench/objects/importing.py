"""Boxes that others computed: VEC and HF2-VAD .npy files, per-clip CSV, COCO results JSON."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vadbench.arrays import load_array
from vadbench.coco import read_results
from vadbench.errors import VadbenchError

__all__ = ["read_boxes"]

Boxes = npt.NDArray[np.float32]


def read_boxes(path: Path, lengths: Mapping[str, int]) -> dict[str, list[Boxes]]:
    """Reads the boxes of a split.

    Args:
        path: A file of one of three forms: `.npy`, an object array of one (N, 4+) array per frame
            over all clips in order (VEC, HF2-VAD); `.json`, COCO results, a list of objects with
            `image_id` and `bbox` (x, y, width, height), where image_id is "<clip>/<frame>" or the
            number of the frame over all clips, both from 0; or a folder of `<clip>.csv` with a
            header and the columns frame (from 0), x1, y1, x2, y2.
        lengths: Number of frames of each clip of the split, in order.

    Returns:
        For each clip one (N, 4) float32 array of x1 y1 x2 y2 per frame.

    Raises:
        VadbenchError: The file is missing, damaged or unsafe, or covers other frames.
    """
    if path.is_dir():
        return {clip: _csv(path / f"{clip}.csv", n_frames) for clip, n_frames in lengths.items()}
    if path.suffix == ".npy":
        return _numpy(path, lengths)
    if path.suffix == ".json":
        return _coco(path, lengths)
    raise VadbenchError(f"{path}: boxes are read from .npy, .json, or a folder of <clip>.csv")


def _numpy(path: Path, lengths: Mapping[str, int]) -> dict[str, list[Boxes]]:
    values = load_array(path)
    total = sum(lengths.values())
    if len(values) != total:
        raise VadbenchError(
            f"{path}: boxes of {len(values)} frames, but the {len(lengths)} clips have {total}; "
            "the file is of another split or data set"
        )
    frames = [_four(item, f"{path}: frame {t} over all clips") for t, item in enumerate(values)]
    return _by_clip(frames, lengths)


def _four(values: npt.ArrayLike, where: str) -> Boxes:
    try:
        boxes = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise VadbenchError(f"{where}: no array of boxes ({error})") from error
    if boxes.size == 0:
        return np.zeros((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] < 4:
        raise VadbenchError(f"{where}: shape {boxes.shape}, expected (N, 4): x1 y1 x2 y2")
    return boxes[:, :4]


def _by_clip(frames: list[Boxes], lengths: Mapping[str, int]) -> dict[str, list[Boxes]]:
    boxes, start = {}, 0
    for clip, n_frames in lengths.items():
        boxes[clip] = frames[start : start + n_frames]
        start += n_frames
    return boxes


def _csv(path: Path, n_frames: int) -> list[Boxes]:
    rows: list[list[tuple[float, ...]]] = [[] for _ in range(n_frames)]
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            for line, row in enumerate(csv.DictReader(stream), start=2):
                frame = int(row["frame"])
                if not 0 <= frame < n_frames:
                    raise VadbenchError(
                        f"{path}: line {line}: frame {frame}, but the clip has {n_frames} (from 0)"
                    )
                rows[frame].append(tuple(float(row[key]) for key in ("x1", "y1", "x2", "y2")))
    except FileNotFoundError as error:
        raise VadbenchError(
            f"{path}: no such file; every clip needs one, with a header line if it has no boxes"
        ) from error
    except (KeyError, TypeError, ValueError, csv.Error, OSError) as error:
        raise VadbenchError(
            f"{path}: not readable as CSV with the columns frame, x1, y1, x2, y2 ({error})"
        ) from error
    return [_four(row, str(path)) for row in rows]


def _coco(path: Path, lengths: Mapping[str, int]) -> dict[str, list[Boxes]]:
    rows: dict[str, list[list[tuple[float, ...]]]] = {
        clip: [[] for _ in range(n_frames)] for clip, n_frames in lengths.items()
    }
    for clip, frame, where, result in read_results(path, lengths):
        try:
            x, y, width, height = map(float, result["bbox"])
        except (KeyError, TypeError, ValueError) as error:
            raise VadbenchError(f"{where}: no bbox of x, y, width, height ({error})") from error
        rows[clip][frame].append((x, y, x + width, y + height))
    return {clip: [_four(row, str(path)) for row in frames] for clip, frames in rows.items()}
