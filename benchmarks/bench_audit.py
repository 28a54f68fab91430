"""What an audit costs beside reading the same artefacts and hashing what they hold.

A clip's flow, boxes and cubes as a run writes them. The peer opens each artefact, reads its arrays
block by block and takes their SHA-256; the audit does that and looks at every value, at every byte
of the file and at what the file was made from. The second row's peer only hashes the files, as
`sha256sum` does, without decompressing anything.

Time is that of the processor: the files are in the system's cache, and whatever else runs on the
machine counts less.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import Row, ped2_like, random_boxes

from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.audit import audit, list_files
from vadbench.objects.cubes import cut_cubes
from vadbench.objects.settings import CubesSettings
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.settings import FlowSettings

OWNER = Identity("made", "test", "01")
ROWS = 16  # frames, or cubes, that are read at once


def _write(folder: Path) -> None:
    (folder / "raw").mkdir()
    clip = ped2_like(folder / "raw")
    places = {kind: Path(f"results/made/{kind}/a/test/01.h5") for kind in ("flow", "objects")}
    compute_flow(clip, FlowSettings(), OWNER, places["flow"])
    boxes = random_boxes(clip.n_frames, 10)
    with ArtefactWriter(places["objects"], "objects", OWNER, clip.n_frames, settings={}) as writer:
        writer.put("frame_offsets", np.cumsum([0, *map(len, boxes)]))
        writer.put("boxes", np.concatenate(boxes))
        count = sum(map(len, boxes))
        for name in ("sources", "classes", "scores"):
            writer.put(name, np.ones(count))
    with open_artefact(places["flow"]) as flow, open_artefact(places["objects"]) as objects:
        cut_cubes(
            clip,
            flow,
            objects,
            CubesSettings(objects="a", flow="a"),
            OWNER,
            Path("results/made/cubes/a/test/01.h5"),
            inputs=tuple(places.values()),
        )


def _read_and_hash(path: Path) -> None:
    with open_artefact(path) as artefact:
        for name in artefact.fields:
            digest, data = hashlib.sha256(), artefact[name]
            for start in range(0, len(data), ROWS):
                digest.update(np.ascontiguousarray(data[start : start + ROWS]).data.cast("B"))


def _processor_seconds(function: Callable[[], object]) -> float:
    """Least processor time of three calls, after one to warm up."""
    function()
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def _hash_file(path: Path) -> None:
    with open(path, "rb") as stream:
        hashlib.file_digest(stream, "sha256")


def measure() -> list[Row]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            _write(Path(name))
            paths = list_files([Path("results")])
            report = audit([Path("results")])
            if report.findings:
                raise RuntimeError(f"what was just written is not sound: {report.findings}")
            ours = _processor_seconds(lambda: audit([Path("results")]))
            read = _processor_seconds(lambda: [_read_and_hash(path) for path in paths])
            hashed = _processor_seconds(lambda: [_hash_file(path) for path in paths])
        finally:
            os.chdir(before)
    size = f"{report.size / 1e6:.0f} MB of flow, boxes and cubes"
    return [
        Row(f"audit, {size}: at most 2", ours, read, "s", "reading and hashing the arrays"),
        Row(f"audit, {size}", ours, hashed, "s", "hashing the files, nothing decompressed"),
    ]
