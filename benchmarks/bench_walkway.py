"""Rendering of all clips of the walkway that config.yaml names, against the time it may take."""

import tempfile
import time
from pathlib import Path

from rows import Row

from vadbench.datasets.scenes import list_clips
from vadbench.datasets.sections import WalkwaySection
from vadbench.datasets.walkway import render_clip

LIMIT = 40.0  # seconds, on one core


def measure() -> list[Row]:
    section = WalkwaySection()
    with tempfile.TemporaryDirectory() as folder:
        clips = list_clips(section, Path(folder))
        start = time.perf_counter()
        for split, names in clips.items():
            for name in names:
                path = Path(folder) / split / f"{name}.h5"
                path.parent.mkdir(exist_ok=True)
                render_clip(section, "walkway", split, name, path)
        taken = time.perf_counter() - start
    count = sum(map(len, clips.values()))
    return [Row(f"rendering {count} clips of the walkway", taken, LIMIT, "s", "limit")]
