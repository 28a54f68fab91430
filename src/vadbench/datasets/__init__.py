"""Data sets: two modules per family, found by name and imported when used.

One reads clips and has `list_clips`, `raw_paths` and `open_clip`; one that reads a folder has
`locate`, which says where it lies. The other, in `labels/`, has `label_paths` and `read_labels`,
and `open_masks` where there are pixel masks. They are apart so that no job on frames is computed
with what reads labels. Each function takes the data set's settings and the folder its raw clips lie
in. What lists clips and paths is cheap (no frame is decoded), because it runs whenever the workflow
is planned.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vadbench.datasets.families import FAMILIES, LABELS
from vadbench.datasets.watch import look, watched
from vadbench.errors import VadbenchError
from vadbench.plain import PlainSettings

__all__ = [
    "FAMILIES",
    "LABELS",
    "NAMING_KINDS",
    "Clip",
    "Labels",
    "data_root",
    "family_module",
    "kept_state",
    "label_module",
    "label_paths",
    "list_clips",
    "open_clip",
    "open_source",
    "raw_paths",
    "raw_root",
    "raw_state",
    "read_labels",
    "results_root",
    "watch_clip",
    "watch_labels",
]

NAMING_KINDS = frozenset({"digits", "walkway"})
"""Families whose labels tell kinds of anomalies apart."""


class Clip(Protocol):
    """Frames of a clip, decoded when asked for: (H, W, C) uint8, C 1 (grey) or 3 (BGR)."""

    n_frames: int

    @property
    def height(self) -> int:
        """Height in pixels."""
        ...

    @property
    def width(self) -> int:
        """Width in pixels."""
        ...

    @property
    def channels(self) -> int:
        """1 for grey, 3 for BGR."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames per second that the clip's file states, if it does."""
        ...

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns frame t."""
        ...

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the frames in order."""
        ...


@dataclass(frozen=True)
class Labels:
    """Frame labels of the test clips.

    Attributes:
        source: File the labels come from, relative to the data root, or words.
        sha256: SHA-256 over the label files, or over the vectors where they are rendered.
        clips: For each test clip (T,) uint8, 1 for an abnormal frame.
        warnings: What a reader of the numbers has to know.
        anomalies: Where the kind of anomaly is known: for each kind and test clip (T,) uint8, 1
            where one is visible.
        known: Whether there are labels at all; if not, the vectors are zeros and mean nothing.
    """

    source: str
    sha256: str
    clips: dict[str, npt.NDArray[np.uint8]]
    warnings: list[str] = field(default_factory=list)
    anomalies: dict[str, dict[str, npt.NDArray[np.uint8]]] = field(default_factory=dict)
    known: bool = True


class _Section(Protocol):
    @property
    def family(self) -> str: ...


def family_module(family: str) -> Any:
    """Returns the module that reads a family's clips.

    Raises:
        VadbenchError: There is no such family.
    """
    return _module(FAMILIES, family)


def label_module(family: str) -> Any:
    """Returns the module that reads a family's labels.

    Raises:
        VadbenchError: There is no such family.
    """
    return _module(LABELS, family)


def _module(modules: Mapping[str, str], family: str) -> Any:
    if family not in modules:
        raise VadbenchError(f"there is no data set family {family!r}; there is: {list(modules)}")
    return import_module(modules[family])


def list_clips(section: _Section, root: Path) -> dict[str, list[str]]:
    """Returns clip names by split, in order, from a listing of folders.

    Raises:
        VadbenchError: The data is not where it is expected.
    """
    clips: dict[str, list[str]] = family_module(section.family).list_clips(section, root)
    return clips


def label_paths(section: _Section, root: Path) -> list[Path]:
    """Returns the files, or folders, that labels and masks are read from; none where rendered."""
    paths: list[Path] = label_module(section.family).label_paths(section, root)
    return paths


def raw_paths(section: _Section, root: Path) -> dict[str, list[Path]]:
    """Returns the files, or folders of files, that each `<split>/<clip>` lies in."""
    paths: dict[str, list[Path]] = family_module(section.family).raw_paths(section, root)
    return paths


def raw_state(section: _Section, root: Path, dataset: str | None = None) -> dict[str, str]:
    """Returns a token of the raw files of each `<split>/<clip>` and of `labels`.

    Args:
        section: The data set's settings.
        root: Folder that its raw clips lie in.
        dataset: Its name; given, what jobs kept of its files counts (see `watch.look`).
    """
    paths = raw_paths(section, root) | {"labels": label_paths(section, root)}
    return {
        key: look(files, None if dataset is None else kept_state(dataset, key))
        for key, files in paths.items()
    }


@contextmanager
def watch_clip(
    source: Mapping[str, Any], dataset: str, split: str, clip: str, state: str
) -> Iterator[None]:
    """Keeps what a clip's raw files were like while the block read them (see `watch.watched`)."""
    section = PlainSettings(source)
    key = f"{split}/{clip}"
    paths = raw_paths(section, raw_root(section.family, dataset))[key]
    with watched(paths, kept_state(dataset, key), state):
        yield


@contextmanager
def watch_labels(section: _Section, dataset: str, state: str) -> Iterator[None]:
    """Keeps what the label files were like while the block read them (see `watch.watched`)."""
    paths = label_paths(section, raw_root(section.family, dataset))
    with watched(paths, kept_state(dataset, "labels"), state):
        yield


def kept_state(dataset: str, key: str) -> Path:
    """Where it is kept what raw files were like when they were last read."""
    return Path(f"results/{dataset}/raw/{key}.json")


def open_clip(section: _Section, root: Path, split: str, clip: str) -> Clip:
    """Opens a clip; frames are decoded as they are read."""
    opened: Clip = family_module(section.family).open_clip(section, root, split, clip)
    return opened


def read_labels(section: _Section, root: Path) -> Labels:
    """Reads the labels of all test clips.

    Raises:
        VadbenchError: Labels are missing, of the wrong length, or sources disagree.
    """
    labels: Labels = label_module(section.family).read_labels(section, root)
    return labels


def open_source(source: Mapping[str, Any], dataset: str, split: str, clip: str) -> Clip:
    """Opens a clip from a data set's source settings (its family and where it lies)."""
    section = PlainSettings(source)
    return open_clip(section, raw_root(section.family, dataset), split, clip)


def data_root() -> Path:
    """Folder of the raw data sets: the environment variable VADBENCH_DATA, or `data`."""
    return Path(os.environ.get("VADBENCH_DATA") or "data")


def results_root() -> Path:
    """Folder of results: the environment variable VADBENCH_RESULTS, or `results`.

    Where results are kept in object storage it is where Snakemake puts its local copies.
    """
    return Path(os.environ.get("VADBENCH_RESULTS") or "results")


def raw_root(family: str, dataset: str) -> Path:
    """Where the raw clips of a data set lie: the data root, or the rendered scene."""
    return results_root() / dataset / "scene" if family == "walkway" else data_root()
