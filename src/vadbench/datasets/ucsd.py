"""UCSD Ped1 and Ped2, in the official archive's layout and in the repacked one.

V. Mahadevan, W. Li, V. Bhalodia, N. Vasconcelos, "Anomaly Detection in Crowded Scenes", CVPR 2010.

- official: `Train/Train001/001.tif`, `Test/Test001/001.tif`, masks `Test/Test001_gt/001.bmp`, frame
  labels `Test/UCSDped2.m`
- repacked, as most code for video anomaly detection has it: `training/frames/01/000.jpg`,
  `testing/frames/01/000.jpg`, labels beside them
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vadbench.datasets import Labels
from vadbench.datasets.images import ImageClip, list_frames
from vadbench.datasets.labels import READERS, read_label_file
from vadbench.errors import VadbenchError
from vadbench.settings import Settings

__all__ = ["Section", "list_clips", "open_clip", "raw_state", "read_labels"]

_PLACES = {
    "ped1": ("UCSDped1", "UCSD_Anomaly_Dataset.v1p2/UCSDped1", "ped1"),
    "ped2": ("UCSDped2", "UCSD_Anomaly_Dataset.v1p2/UCSDped2", "ped2"),
}
OFFICIAL_COUNTS = {
    "ped1": {"train": [200] * 34, "test": [200] * 36},
    "ped2": {
        "train": [120, 150, 150, 180, 180, 150, 150, 120, 180, 180, 180, 180, 180, 150, 150, 150],
        "test": [180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180],
    },
}
"""Frames of each clip in the official archive."""


class Section(Settings):
    """UCSD Ped1 or Ped2."""

    family: Literal["ucsd"] = Field("ucsd", description="data set family")
    subset: Literal["ped1", "ped2"] = Field("ped2", description="which of the two")
    path: str | None = Field(
        None, description="folder below the data root; null: looked for under its usual names"
    )
    labels: str = Field(
        "auto",
        description="auto: every source that is there, which must agree; masks: pixel masks only; "
        "or a label file (.m, .mat, .npy, .npz, .json) below the data set's folder",
    )
    fps: float = Field(10.0, gt=0, description="frames per second; not stored in the files")

    @property
    def paper_name(self) -> str:
        """Name under which papers and cards know the data set."""
        return self.subset

    def source_settings(self) -> dict[str, Any]:
        """Returns what opening a clip depends on; labels are not part of it."""
        return {"family": self.family, "subset": self.subset, "path": self.path}

    def official_counts(self) -> dict[str, list[int]]:
        """Frames per clip in the official archive, by split."""
        return OFFICIAL_COUNTS[self.subset]


@dataclass(frozen=True)
class _Layout:
    """Where the clips of each split lie."""

    base: Path
    train: Path
    test: Path

    def folder(self, split: str) -> Path:
        return self.train if split == "train" else self.test


def _layout(section: Section, root: Path) -> _Layout:
    places = [section.path] if section.path else _PLACES[section.subset]
    for place in places:
        base = root / place
        for train, test in (("Train", "Test"), ("training/frames", "testing/frames")):
            if (base / train).is_dir() and (base / test).is_dir():
                return _Layout(base, base / train, base / test)
    looked = ", ".join(str(root / place) for place in places)
    raise VadbenchError(
        f"{section.subset} is not there: looked for folders Train and Test, or training/frames and "
        f"testing/frames, in {looked}; set VADBENCH_DATA to the folder that holds the data set, or "
        "its path in config.yaml"
    )


def list_clips(section: Section, root: Path) -> dict[str, list[str]]:
    """Returns the clip names of each split, in order."""
    layout = _layout(section, root)
    clips = {}
    for split in ("train", "test"):
        names = sorted(
            entry.name
            for entry in os.scandir(layout.folder(split))
            if entry.is_dir() and not entry.name.endswith("_gt") and entry.name[0] != "."
        )
        if not names:
            raise VadbenchError(f"{layout.folder(split)}: holds no clips (folders of frames)")
        clips[split] = names
    return clips


def open_clip(section: Section, root: Path, split: str, clip: str) -> ImageClip:
    """Opens a clip of image files."""
    return ImageClip(_layout(section, root).folder(split) / clip)


def raw_state(section: Section, root: Path) -> dict[str, str]:
    """Returns a fingerprint of names, sizes and times for each clip, and for the label files."""
    layout = _layout(section, root)
    state = {
        f"{split}/{clip}": _stat_digest([layout.folder(split) / clip])
        for split, clips in list_clips(section, root).items()
        for clip in clips
    }
    masks = (item for item in sorted(layout.test.iterdir()) if item.name.endswith("_gt"))
    state["labels"] = _stat_digest([*_label_files(section, layout), *masks])
    return state


def _stat_digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        entries = sorted(os.scandir(path), key=lambda e: e.name) if path.is_dir() else [path]
        for entry in entries:
            status = entry.stat()
            digest.update(f"{entry.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _label_files(section: Section, layout: _Layout) -> list[Path]:
    if section.labels == "masks":
        return []
    if section.labels != "auto":
        path = layout.base / section.labels
        if not path.is_file():
            raise VadbenchError(f"{path}: no such label file (labels of {section.subset})")
        return [path]
    subset = section.subset
    found = []
    for folder in dict.fromkeys([layout.test, layout.base, layout.test.parent, layout.base.parent]):
        # Beside the data set's own folder lie other sets' labels too: take only named ones there.
        for item in sorted(folder.iterdir()):
            name = item.name.lower()
            own = subset in name
            if item.suffix in READERS and (
                own or (folder != layout.base.parent and ("label" in name or "gt" in name))
            ):
                found.append(item)
    return found


def read_labels(section: Section, root: Path) -> Labels:
    """Reads frame labels from every chosen source and compares them.

    Raises:
        VadbenchError: There are none, or two sources differ; clip and frame are named.
    """
    layout = _layout(section, root)
    clips = list_clips(section, root)["test"]
    lengths = {clip: len(list_frames(layout.test / clip)) for clip in clips}
    files = _label_files(section, layout)
    sources: list[tuple[str, dict[str, npt.NDArray[np.uint8]]]] = [
        (str(path.relative_to(root)), read_label_file(path, lengths)) for path in files
    ]
    digest = hashlib.sha256()
    for path in files[:1]:
        digest.update(path.read_bytes())
    if section.labels in {"auto", "masks"}:
        masked = {}
        for clip in clips:
            folder = layout.test / f"{clip}_gt"
            if folder.is_dir():
                masks = list_frames(folder)
                if not files:
                    for mask in masks:
                        digest.update(mask.read_bytes())
                masked[clip] = _labels_of_masks(masks, clip, lengths[clip])
        if masked:
            sources.append((f"{(layout.test / '*_gt').relative_to(root)} (pixel masks)", masked))
    if not sources or set(sources[0][1]) != set(clips):
        lacking = sorted(set(clips) - set(sources[0][1])) if sources else clips
        raise VadbenchError(
            f"{layout.base}: no frame labels for clip {lacking[0]}; expected {section.subset}'s .m "
            "file, masks in <clip>_gt folders, or a label file named in config.yaml (labels)"
        )
    first_name, first = sources[0]
    for name, labels in sources[1:]:
        for clip, vector in labels.items():
            different = np.flatnonzero(vector != first[clip])
            if len(different):
                raise VadbenchError(
                    f"{first_name} and {name} disagree: clip {clip}, frame {different[0]} (from 0) "
                    f"is {first[clip][different[0]]} in the first and {vector[different[0]]} in "
                    "the second; say which counts with the data set's key 'labels'"
                )
    return Labels(" = ".join(name for name, _ in sources), digest.hexdigest(), first)


def _labels_of_masks(masks: list[Path], clip: str, n_frames: int) -> npt.NDArray[np.uint8]:
    import cv2

    if len(masks) != n_frames:
        raise VadbenchError(
            f"{masks[0].parent}: {len(masks)} masks for the {n_frames} frames of clip {clip}"
        )
    labels = np.zeros(n_frames, np.uint8)
    for t, path in enumerate(masks):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise VadbenchError(f"{path}: clip {clip}, frame {t}: the mask cannot be decoded")
        labels[t] = bool(mask.any())
    return labels
