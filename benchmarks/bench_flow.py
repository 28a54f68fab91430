"""Farneback over clips on all cores, against a bare OpenCV loop on all cores."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
from rows import ImageClip, Row, ped2_like

from vadbench.artefacts import Identity
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.settings import FlowSettings


def _artefact(files: list[Path], path: Path) -> None:
    compute_flow(ImageClip(files), FlowSettings(), Identity("ped2", "test", "01"), path)


def _bare(files: list[Path], path: Path) -> None:
    cv2.setNumThreads(1)
    previous = cv2.imread(str(files[0]), cv2.IMREAD_GRAYSCALE)
    for file in files:
        following = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        cv2.calcOpticalFlowFarneback(previous, following, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        previous = following


def _rate(work: Callable[[list[Path], Path], None], files: list[Path], folder: Path) -> float:
    cores = os.cpu_count() or 1
    jobs = [(files, folder / f"{work.__name__}{k}.h5") for k in range(2 * cores)]
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        pool.starmap(work, jobs[:cores])
        start = time.perf_counter()
        pool.starmap(work, jobs, chunksize=1)
        return len(jobs) * len(files) / (time.perf_counter() - start)


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = ped2_like(folder).files
        bare = _rate(_bare, files, folder)
        ours = _rate(_artefact, files, folder)
    return [Row("Farneback, artefacts written", ours, bare, "frames/s", "bare loop, nothing kept")]
