"""What this machine computes with."""

import subprocess
import sys
from pathlib import Path

import pytest

from vadbench.training.machine import number_format, use_bfloat16

CONSTANTS = """
from pathlib import Path
from vadbench.training.machine import set_up_torch

set_up_torch(1)
sizes = {"Size:": 0, "Rss:": 0}
for line in Path("/proc/self/smaps").read_text().splitlines():
    name, *rest = line.split()
    if "-" in name:
        counts = rest[0] == "r--p" and "libtorch_cpu." in line
    elif counts and name in sizes:
        sizes[name] += int(rest[0])
print(*sizes.values())
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system has no /proc")
def test_constants_of_vector_functions_are_mapped_beforehand() -> None:
    said = subprocess.run([sys.executable, "-c", CONSTANTS], capture_output=True, check=True)
    size, resident = map(int, said.stdout.split())
    assert size > 1000
    assert resident == size


@pytest.mark.parametrize(("precision", "expected"), [("32", "32-true"), ("bf16", "bf16-mixed")])
def test_a_precision_that_is_asked_for_is_taken(precision: str, expected: str) -> None:
    assert number_format(precision) == expected
    assert use_bfloat16(precision) == (precision == "bf16")
