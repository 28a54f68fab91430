"""Fixtures that several test modules share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Every core has a test worker already; threads of one would only wait for those of the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more about the machine than about the code.
settings.register_profile("vadbench", deadline=None)
settings.load_profile("vadbench")


@pytest.fixture(scope="session")
def ped2_root() -> Path:
    """Folder with UCSDped2/ and ped2_boxes/; tests that need the real data skip without it."""
    project = Path(__file__).parents[1]
    candidates = [os.environ.get("VADBENCH_DATA"), project / "data", project.parent / "shared/data"]
    for candidate in candidates:
        root = Path(candidate or "/nowhere")
        if (root / "UCSDped2/Test").is_dir() and (root / "ped2_boxes").is_dir():
            return root
    pytest.skip("needs UCSD Ped2 and the VEC boxes: set VADBENCH_DATA to the folder that has them")


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """Undoes what `set_up_torch` does to the processor's state, which all tests share."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
