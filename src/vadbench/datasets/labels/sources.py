"""Label files of a published data set, and sources of labels that have to agree."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vadbench.datasets import Labels
from vadbench.datasets.labels import READERS, read_label_file
from vadbench.datasets.layouts import Layout, relative
from vadbench.errors import VadbenchError

__all__ = ["agree", "label_files"]

Vectors = dict[str, npt.NDArray[np.uint8]]


def label_files(labels: str, subset: str, layout: Layout) -> list[Path]:
    """Returns the label files that a setting asks for.

    Args:
        labels: `masks` for none, `auto` for every file that looks like the data set's own, or the
            name of one below its folder.
        subset: The data set's name, which its label files have in theirs.
        layout: Where it lies.

    Raises:
        VadbenchError: The named file is missing.
    """
    if labels == "masks":
        return []
    if labels != "auto":
        path = layout.base / labels
        if not path.is_file():
            raise VadbenchError(f"{path}: no such label file (labels of {subset})")
        return [path]
    found = []
    folders = [layout.test, layout.base, layout.test.parent, layout.base.parent]
    for folder in dict.fromkeys(folders):
        # Beside the data set's own folder lie other sets' labels too: take only named ones there.
        for item in sorted(folder.iterdir()):
            name = item.name.lower()
            own = subset in name
            if item.suffix in READERS and (
                own or (folder != layout.base.parent and ("label" in name or "gt" in name))
            ):
                found.append(item)
    return found


def agree(
    what: str,
    root: Path,
    lengths: Mapping[str, int],
    files: Sequence[Path],
    others: Sequence[tuple[str, Callable[[], tuple[Vectors, list[Path]]]]],
    expected: str,
) -> Labels:
    """Reads labels from every source that there is, which must agree.

    Args:
        what: Name of the data set.
        root: The data root.
        lengths: Frames of each test clip.
        files: Label files.
        others: Further sources: what they are called, and a function that returns their labels and
            the files that these are from.
        expected: What is looked for, for the message where there is nothing.

    Returns:
        Labels with the SHA-256 of the first source.

    Raises:
        VadbenchError: There are none, or two sources differ; clip and frame are named.
    """
    sources = [(relative(path, root), read_label_file(path, lengths)) for path in files]
    hashed = files[:1]
    for name, read in others:
        vectors, paths = read()
        if vectors:
            hashed = hashed or paths
            sources.append((name, vectors))
    if not sources or set(sources[0][1]) != set(lengths):
        lacking = sorted(set(lengths) - set(sources[0][1])) if sources else list(lengths)
        raise VadbenchError(f"{what}: no frame labels for clip {lacking[0]}; expected {expected}")
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
    digest = hashlib.sha256()
    for path in hashed:
        digest.update(path.read_bytes())
    return Labels(" = ".join(name for name, _ in sources), digest.hexdigest(), first)
