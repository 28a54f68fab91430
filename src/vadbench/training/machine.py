"""What this machine computes with: device, precision, threads."""

import ctypes
import mmap
import os
from functools import cache
from pathlib import Path
from typing import Literal

import torch

__all__ = ["device", "number_format", "set_up_torch", "use_bfloat16"]


def use_bfloat16(precision: str) -> bool:
    """Whether to compute in bfloat16: asked for, or fast on this GPU or processor."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def number_format(precision: str) -> Literal["bf16-mixed", "32-true"]:
    """What networks are computed in here, in Lightning's words."""
    return "bf16-mixed" if use_bfloat16(precision) else "32-true"


def device() -> torch.device:
    """Where networks run: the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def set_up_torch(threads: int) -> None:
    """Chooses deterministic, full-speed computation on this machine."""
    torch.set_num_threads(threads)
    # Softmax over thousands of slots leaves denormal numbers, which processors handle slowly.
    torch.set_flush_denormal(True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nothing here reads memory that it has not written; filling it first takes most of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    _keep_freed_memory()
    _map_constants()


def _keep_freed_memory() -> None:
    """Has the C library keep freed blocks: a page fault per 4 kB is dearer than most layers."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc; numbers of its malloc.h
        trim_threshold, mmap_threshold = -1, -3
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**30)


@cache
def _map_constants() -> None:
    """Has PyTorch's constants mapped before a vector function looks for them.

    Such functions read some of them under a mask. If no lane needs a constant, a page that is not
    mapped stays so, and each time the processor spends hundreds of cycles on finding out that it
    need not fault: ELU took eleven times as long.
    """
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return
    for line in maps.splitlines():
        span, rights, *_, path = line.split()
        if rights == "r--p" and Path(path).name.startswith("libtorch_cpu."):
            start, end = (int(item, 16) for item in span.split("-"))
            _ = (ctypes.c_ubyte * (end - start)).from_address(start)[:: mmap.PAGESIZE]
