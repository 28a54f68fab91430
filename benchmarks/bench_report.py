"""Building the report of a whole benchmark at real sizes.

Five methods on UCSD Ped1, Ped2, Avenue and ShanghaiTech's 107 clips of 40,791 frames, three seeds
each: scores are generated, and metrics computed from them under every protocol, before the clock
starts. Beside them lie raw clips, cubes, views and weights of no size, and Snakemake's records, so
that the report traces digests and looks for what is stale as it does after a run.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from rows import Row

PROJECT = Path(__file__).parents[1]
METHODS = ["hf2vad", "amsrc", "flow_duality", "object_class_aware", "multitask_attention"]


def measure() -> list[Row]:
    sys.path.insert(0, str(PROJECT))
    from tests.trees import SIZES, config_of, make_tree
    from vadbench.report.site.build import build_site

    sizes = {
        dataset: {f"{number:02d}": count for number, count in enumerate(counts)}
        for dataset, counts in SIZES.items()
    }
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            config = config_of(list(SIZES), METHODS, [0, 1, 2])
            plan = make_tree(config, sizes, pictures=True, whole=True)
            wall, processor = time.perf_counter(), time.process_time()
            site = build_site(plan)
            wall = time.perf_counter() - wall
            processor = time.process_time() - processor
            folder, standing = site.index.parent, site.standing
            assert not any([standing.blind, standing.missing, standing.stale]), standing
            first = [folder / "index.html", *(folder / "assets").glob("report.*")]
            weight = sum(path.stat().st_size for path in first)
            largest = max(
                sum(path.stat().st_size for path in (page, *page.with_suffix("").glob("r0/run.js")))
                for page in folder.glob("runs/*/*.html")
            )
            clip = max(path.stat().st_size for path in folder.glob("runs/*/*/r*/[0-9]*.js"))
            total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        finally:
            os.chdir(before)
    limit = "limit set for the project"
    return [
        Row("report of 60 runs, 65,000 test frames: wall", wall, 60, "s", limit),
        Row("report of 60 runs, 65,000 test frames: processor", processor, 60, "s", limit),
        Row("first page with style and script", weight / 1e6, 1.5, "MB", limit),
        Row("largest page of a method, without charts' script", largest / 1e6, None, "MB"),
        Row("what the longest clip adds", clip / 1e3, None, "kB"),
        Row("whole report", total / 1e6, None, "MB", "its pictures are of generated clips"),
    ]
