"""Finds boxes of abnormal regions in test frames, and which of them are one track.

They come from the objects that a rendered scene lists, or from pixel masks: a region is then the
box of a connected component (8 neighbours), and regions of successive frames that overlap most are
one track, since masks do not say who is who.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact
from vadbench.datasets import raw_root
from vadbench.datasets.masks import open_masks
from vadbench.overlap import intersection_over_union
from vadbench.regions import Regions

__all__ = ["find_regions"]

Boxes = npt.NDArray[np.float32]
Tracks = npt.NDArray[np.int32]


def find_regions(
    source: Mapping[str, Any], dataset: str, records: Sequence[Mapping[str, Any]]
) -> Regions:
    """Finds the abnormal regions of a data set's test clips.

    Args:
        source: The data set's source settings (see `open_source`) and its key `labels`.
        dataset: Its name in the configuration.
        records: The test clips' records of the index: name, number of frames, height and width.

    Raises:
        VadbenchError: A mask cannot be read or fits its frame not; file and frame are named.
    """
    is_scene = source["family"] == "walkway"
    known, counts = [], []
    boxes, tracks = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.int32)]
    for record in records:
        clip, n_frames = str(record["clip"]), int(record["n_frames"])
        if is_scene:
            path = raw_root("walkway", dataset) / "test" / f"{clip}.h5"
            per_frame, own_tracks = _of_scene(path)
            known.append(True)
        else:
            mask = open_masks(source, dataset, clip)
            known.append(mask is not None)
            per_frame = [_components(mask(t) if mask else None) for t in range(n_frames)]
            own_tracks = _link(per_frame)
        counts += [len(item) for item in per_frame]
        boxes += per_frame
        tracks.append(own_tracks)
    return Regions(
        [str(record["clip"]) for record in records],
        np.cumsum([0, *(int(record["n_frames"]) for record in records)], dtype=np.int64),
        np.array(known, np.bool_),
        np.cumsum([0, *counts], dtype=np.int64),
        np.concatenate(boxes),
        np.concatenate(tracks),
        np.array([(item["height"], item["width"]) for item in records], np.int64).reshape(-1, 2),
        "rendered objects" if is_scene else "pixel masks",
    )


def _of_scene(path: Path) -> tuple[list[Boxes], Tracks]:
    """Returns boxes by frame and tracks of what is abnormal in a rendered clip."""
    with open_artefact(path, "scene") as scene:
        chosen = scene["abnormal"][:] > 0
        frames = np.repeat(np.arange(scene.n_frames), np.diff(scene["frame_offsets"][:]))[chosen]
        boxes, tracks = scene["boxes"][:][chosen], scene["track_ids"][:][chosen]
        ends = np.searchsorted(frames, np.arange(scene.n_frames + 1))
    return [boxes[a:b] for a, b in pairwise(ends.tolist())], tracks


def _components(mask: npt.NDArray[np.bool_] | None) -> Boxes:
    """Returns the boxes of a mask's connected components, none of no mask."""
    import cv2

    if mask is None or not mask.any():
        return np.zeros((0, 4), np.float32)
    _, _, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    x, y, width, height = found[1:, :4].T
    return np.stack([x, y, x + width, y + height], axis=1).astype(np.float32)


def _link(per_frame: Sequence[Boxes]) -> Tracks:
    """Gives each region the track of the region of the frame before that it overlaps most.

    Pairs are taken in order of their overlap, and no track is in a frame twice.
    """
    tracks: list[int] = []
    before, before_tracks, count = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), 0
    for boxes in per_frame:
        own = np.full(len(boxes), -1, np.int64)
        overlap = intersection_over_union(boxes[:, None], before[None])
        while overlap.size and overlap.max() > 0:
            row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
            own[row] = before_tracks[column]
            overlap[row], overlap[:, column] = 0, 0
        fresh = own < 0
        own[fresh] = np.arange(count, count + fresh.sum())
        count += int(fresh.sum())
        tracks += own.tolist()
        before, before_tracks = boxes, own
    return np.array(tracks, np.int32)
