"""Methods on whole frames at the papers' sizes, batch 16: training and scoring, frames/s.

Training reads its batches from views on disk, as a job does. The peer computes the same the plain
way: 32 bits, PyTorch's default memory format, batches that are there already. The share of time
that goes into loading is given beside its limit of a tenth.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from rows import Row, plain_memory_format, seconds, training_step

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.methods.flow_duality.networks import FrameNetwork, MotionNetwork
from vadbench.methods.flow_duality.score import peak_signal_to_noise
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import FrameStage, MotionStage
from vadbench.methods.multitask_attention import branches as multitask
from vadbench.methods.multitask_attention.settings import MultitaskAttentionSettings
from vadbench.methods.object_class_aware import branches as class_aware
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.training.branches import BranchStage
from vadbench.training.data import Batches, ViewSet
from vadbench.training.inputs import frames_of
from vadbench.training.machine import set_up_torch, use_bfloat16
from vadbench.training.stage import Stage

BATCH, FRAMES, STEPS = 16, 96, 2
NO_WEIGHTS = {"appearance_weights": "none", "motion_weights": "none"}


def _views(folder: Path, size: int) -> list[Path]:
    """Smooth frames, flow, classes and depth, as compressible as real ones."""
    rng = np.random.default_rng(0)
    path = folder / f"{size}.h5"
    with ArtefactWriter(path, "views", Identity("made", "train"), FRAMES, settings={}) as writer:
        for _ in range(FRAMES):
            coarse = rng.uniform(0, 255, (16, 16)).astype(np.float32)
            image = cv2.resize(coarse, (size, size)).astype(np.uint8)
            writer.append("frames", image[None, ..., None])
            vectors = cv2.resize(rng.normal(size=(16, 16, 2)), (size, size))
            writer.append("flow", vectors[None])
            writer.append("class_map", (image > 200).astype(np.uint8)[None])
            writer.append("depth", (image / 255)[None])
    return [path]


def _stages() -> Iterator[tuple[str, int, Stage, dict[str, tuple[int, ...]]]]:
    duality = FlowDualitySettings()
    yield "flow_duality motion", 256, MotionStage(duality, 1.0), {"frames": (0,), "flow": (1,)}
    unguided = duality.model_copy(update={"guided": False})
    yield "flow_duality frame", 256, FrameStage(unguided), {"frames": (0, 1)}
    aware = ObjectClassAwareSettings(encoder_weights="none")
    for name, kind in class_aware.BRANCHES.items():
        branch = kind(aware)
        stage = BranchStage(branch, getattr(aware, name), aware.patch_rows)
        yield f"object_class_aware {name}", 224, stage, branch.windows
    attention = MultitaskAttentionSettings.model_validate(NO_WEIGHTS)
    for name, kind in multitask.BRANCHES.items():
        branch = kind(attention)
        stage = BranchStage(branch, getattr(attention, name), attention.patch_rows)
        yield f"multitask_attention {name}", 256, stage, branch.windows


def _train(stage: Stage, views: list[Path], windows: dict, bfloat16: bool) -> tuple[float, float]:
    """Frames/s of some steps, and the share of the time that waits for batches."""
    step = training_step(stage, bfloat16)
    batches = iter(Batches(ViewSet(views, windows), BATCH, seed=0))
    step(next(batches))
    waited, start = 0.0, time.perf_counter()
    for _ in range(STEPS):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        step(batch)
    spent = time.perf_counter() - start
    return BATCH * STEPS / spent, waited / spent


def _duality(views: list[Path]) -> tuple[float, float]:
    """Frames/s of predicting frames, and of that with reading views and scoring."""
    settings = FlowDualitySettings()
    motion, frame = MotionNetwork(settings).eval(), FrameNetwork(settings).eval()
    batches = list(ViewSet(views, {"frames": (0, 1)}).in_order(BATCH))[:STEPS]

    def predict(batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        frames = frames_of(batch)
        now, following = frames[:, :3], frames[:, 3:]
        return frame(now, motion(now)).float(), following

    def detect() -> None:
        for batch, _ in zip(
            ViewSet(views, {"frames": (0, 1)}).in_order(BATCH), batches, strict=False
        ):
            peak_signal_to_noise(*predict(batch))

    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16("auto")),
    ):
        predicting = seconds(lambda: [predict(batch) for batch in batches], 1)
        detecting = seconds(detect, 1)
    return BATCH * STEPS / predicting, BATCH * STEPS / detecting


def measure() -> list[Row]:
    set_up_torch(os.cpu_count() or 1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        views = {size: _views(Path(name), size) for size in (224, 256)}
        for what, size, stage, windows in _stages():
            ours, waiting = _train(stage, views[size], windows, use_bfloat16("auto"))
            plain_memory_format(stage)
            peer, _ = _train(stage, views[size], windows, False)
            rows += [
                Row(f"{what}, {size}", ours, peer, "frames/s", "the same, plain, 32 bits"),
                Row(f"{what}: waiting for data", 100 * waiting, 10, "%", "limit"),
            ]
        predicting, detecting = _duality(views[256])
        rows += [
            Row("flow_duality: prediction", predicting, 77, "frames/s", "paper, GTX 1080 Ti"),
            Row("flow_duality: detection", detecting, 47, "frames/s", "paper, GTX 1080 Ti"),
        ]
    return rows
