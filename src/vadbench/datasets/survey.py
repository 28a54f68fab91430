"""Says of data sets what is there, what is missing and what is damaged."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from vadbench import datasets
from vadbench.datasets.check import check_clip
from vadbench.datasets.index import build_index
from vadbench.datasets.layouts import relative
from vadbench.datasets.sections import (
    AvenueSection,
    ShanghaiTechSection,
    UCFCrimeSection,
    UCSDSection,
)
from vadbench.datasets.sources import SOURCES
from vadbench.errors import VadbenchError

__all__ = ["PUBLISHED", "Survey", "survey"]

PUBLISHED: Mapping[str, Any] = {
    "ped1": UCSDSection(subset="ped1"),
    "ped2": UCSDSection(subset="ped2"),
    "avenue": AvenueSection(),
    "shanghaitech": ShanghaiTechSection(),
    "ucf_crime": UCFCrimeSection(),
}
"""Data sets that others publish, as a configuration that names only their family has them."""

Progress = Callable[[str], None]
"""Called with `<data set>/<split>/<clip>` before a clip is decoded."""


@dataclass
class Survey:
    """What was found of a data set.

    Attributes:
        name: Its name in the configuration.
        family: Its family.
        state: `complete`, `missing` (it, or its labels), `damaged`, or `rendered` by the run.
        folder: Where it lies, or below which it is expected.
        train, test: Names of the clips that were found.
        labels: Label files relative to the data root, or what labels are where there are no files;
            after a check the sources that were read and agree.
        checked: How many clips were decoded whole, None if that was not asked for.
        frames: Frames of each split, if all its clips could be decoded.
        problems: What is wrong, with file, clip and frame.
        warnings: What a reader of its numbers has to know.
        page, layout: Where it comes from and how it has to lie, of a data set that others publish.
    """

    name: str
    family: str
    state: Literal["complete", "missing", "damaged", "rendered"]
    folder: str
    train: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    checked: int | None = None
    frames: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    page: str = ""
    layout: str = ""

    def plain(self) -> dict[str, Any]:
        """Returns JSON types."""
        return asdict(self)


def survey(
    name: str, section: Any, root: Path, check: bool = False, progress: Progress | None = None
) -> Survey:
    """Looks for a data set.

    Args:
        name: Its name in the configuration.
        section: Its settings.
        root: Folder of its raw clips.
        check: Whether every frame of every clip is decoded and labels are read; else clips and
            label files are only listed.
        progress: Told of every clip that is decoded.
    """
    place = section.path if getattr(section, "path", None) else ""
    found = Survey(name, section.family, "complete", str(root / place))
    source = SOURCES.get(section.family)
    if source is not None:
        found.page, found.layout = source.page, source.layout
    try:
        locate = getattr(datasets.family_module(section.family), "locate", None)
        if locate is not None:
            found.folder = str(locate(section, root).base)
        clips = datasets.list_clips(section, root)
        found.train, found.test = clips["train"], clips["test"]
        if section.family == "walkway" and not _all_rendered(root, clips):
            found.state, found.labels = "rendered", ["rendered with the clips"]
            return found
        files = datasets.label_paths(section, root)
        found.labels = [relative(path, root) for path in files] or [_without_files(section)]
        if source is not None and not files:
            raise VadbenchError(f"no labels; expected {source.layout}")
    except VadbenchError as error:
        found.state = "missing"
        found.problems.append(str(error))
        return found
    if check:
        _check(found, section, root, clips, progress)
    return found


def _all_rendered(root: Path, clips: Mapping[str, list[str]]) -> bool:
    return all(
        (root / split / f"{clip}.h5").is_file() for split, names in clips.items() for clip in names
    )


def _without_files(section: Any) -> str:
    if section.family == "folder":
        return "none: a run ends in ranked events"
    return "part of the data"


def _check(
    found: Survey,
    section: Any,
    root: Path,
    clips: Mapping[str, list[str]],
    progress: Progress | None,
) -> None:
    """Decodes every clip and reads the labels; goes on after what is damaged."""
    records: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    found.checked = 0
    for split, names in clips.items():
        for clip in names:
            if progress is not None:
                progress(f"{found.name}/{split}/{clip}")
            try:
                opened = datasets.open_clip(section, root, split, clip)
                records[split].append(check_clip(opened, clip))
                found.checked += 1
            except VadbenchError as error:
                found.problems.append(f"{split}/{clip}: {error}")
        if len(records[split]) == len(names):
            found.frames[split] = sum(record["n_frames"] for record in records[split])
    try:
        labels = datasets.read_labels(section, root)
        found.labels = [labels.source] if labels.known else found.labels
        if not found.problems:
            # What the workflow's index refuses or warns of, in its own words.
            index = build_index(
                found.name,
                section.family,
                section.fps,
                records,
                labels,
                section.official_counts(),
            )
            found.warnings = index["warnings"]
    except VadbenchError as error:
        found.problems.append(f"labels: {error}")
    if found.problems:
        found.state = "damaged"
