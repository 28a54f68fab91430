"""Feeding a training stage from memory and in shuffled blocks from disk, cubes/s.

Stage 1 of HF2-VAD, the fastest stage and so the one that asks most of the data, trains for an
epoch from memory (the peer) and with a memory budget of an eighth of the data.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rows import Row, training_step

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FlowStage
from vadbench.training import data
from vadbench.training.data import Batches, CubeSet
from vadbench.training.machine import set_up_torch, use_bfloat16
from vadbench.training.settings import StageSettings

CUBES, CLIPS, BATCH = 8192, 16, 256


def _write(folder: Path) -> list[Path]:
    """Cubes of a smooth flow field: as compressible as real ones, unlike white noise."""
    rng = np.random.default_rng(0)
    count = CUBES // CLIPS
    base = rng.normal(size=(count, 4, 4, 4, 2)).repeat(8, axis=2).repeat(8, axis=3)
    flow = (base + 0.05 * rng.normal(size=base.shape)).astype(np.float16)
    paths = []
    for number in range(CLIPS):
        path = folder / f"{number:02d}.h5"
        owner = Identity("made", "train", path.stem)
        with ArtefactWriter(path, "cubes", owner, count, settings={}) as writer:
            writer.put("frame_offsets", np.arange(count + 1))
            writer.put("boxes", np.zeros((count, 4)))
            writer.append("frames", np.zeros((count, 5, 32, 32, 1), np.uint8))
            writer.append("flow", flow)
        paths.append(path)
    return paths


def _epoch(batches: Batches, step: Callable[[dict[str, torch.Tensor]], None] | None) -> float:
    """Cubes/s of one epoch; without a step, of the data alone."""
    batches.go_to(0)
    start, seen = time.perf_counter(), 0
    for batch in batches:
        seen += len(batch["index"])
        if step is not None:
            step(batch)
    return seen / (time.perf_counter() - start)


def measure() -> list[Row]:
    set_up_torch(os.cpu_count() or 1)
    settings = HF2VADSettings()
    torch.manual_seed(0)
    stage = FlowStage(Networks(settings, flow=True, frame=False), settings, StageSettings())
    step = training_step(stage, use_bfloat16("auto"))
    with tempfile.TemporaryDirectory() as name:
        cubes = CubeSet(_write(Path(name)), ["flow"])
        size = len(cubes) * cubes.row_bytes / 1e9
        memory = Batches(cubes, BATCH, seed=0, memory_gb=2 * size)
        # Two pools of a sixteenth each.
        data._POOL_BYTES = 1e9 * size / 16
        disk = Batches(cubes, BATCH, seed=0, memory_gb=size / 8)
        _epoch(memory, None)
        alone = _epoch(disk, None)
        peer = max(_epoch(memory, step) for _ in range(2))
        ours = max(_epoch(disk, step) for _ in range(2))
    return [
        Row("stage 1 from disk, an eighth in memory", ours, peer, "cubes/s", "from memory"),
        Row("blocks from disk, no training", alone, peer, "cubes/s", "what stage 1 asks for"),
    ]
