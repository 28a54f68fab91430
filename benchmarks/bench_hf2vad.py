"""HF2-VAD on Ped2-sized grey cubes: steps of stage 1 and stage 2, and full scoring, cubes/s.

The peer computes the same with the same layers the plain way: 32 bits, PyTorch's default memory
format and pointwise layers, and in stage 2 the frozen flow autoencoder in every step.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from rows import Row, cube_batch, plain_memory_format, seconds, training_step
from torch.nn import functional as F

from vadbench.methods.hf2vad import networks as layers
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.methods.hf2vad.stages import FlowStage, FrameStage
from vadbench.networks.folding import fold_batch_norms
from vadbench.training.inputs import flows_of, frames_of
from vadbench.training.machine import set_up_torch, use_bfloat16
from vadbench.training.settings import StageSettings

SETTINGS = HF2VADSettings()
GOALS = {"stage 1": 280.0, "stage 2": 60.0, "scoring": 200.0}


@contextmanager
def _plain_layers() -> Iterator[None]:
    ours = layers.dropout, layers.elu
    layers.dropout, layers.elu = F.dropout, F.elu
    try:
        yield
    finally:
        layers.dropout, layers.elu = ours


def _speed(count: int, call: Any) -> float:
    return count / seconds(call, 3)


def _stage(kind: type, batch_size: int, *, plain: bool) -> float:
    torch.manual_seed(0)
    first = kind is FlowStage
    networks = Networks(SETTINGS, flow=first, frame=not first)
    frozen = Networks(SETTINGS, flow=True, frame=False).eval()
    if plain:
        for item in (networks, frozen):
            plain_memory_format(item)
    module = kind(networks, SETTINGS, StageSettings())
    take_step = training_step(module, not plain and use_bfloat16("auto"))
    batch = cube_batch(batch_size)
    if not first:
        batch["reconstructed"] = batch["flow"]

    def step() -> None:
        if plain and not first:
            with torch.no_grad():
                frozen.flow(flows_of(batch).flatten(0, 1))
        take_step(batch)

    return _speed(batch_size, step)


def _scoring(*, plain: bool) -> float:
    networks = Networks(SETTINGS, flow=True, frame=True).eval()
    batches = [cube_batch(128)] * 3
    if plain:
        plain_memory_format(networks)
    else:
        fold_batch_norms(networks)

    def compute(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        flows, frames = flows_of(batch), frames_of(batch)
        if plain:
            reconstructed = networks.flow(flows.flatten(0, 1))[0].view_as(flows)
            condition, past = torch.flatten(reconstructed, 1, 2), frames[:, :-3].contiguous()
        else:
            reconstructed = networks.reconstruct(flows)[0].float()
            condition, past = networks.condition(flows, reconstructed), frames[:, :-3]
        return {"predicted": networks.cvae(past, condition, sample=False)[0]}

    def score() -> None:
        # As a job does, which casts weights once and not for every batch.
        with (
            torch.inference_mode(),
            torch.autocast("cpu", torch.bfloat16, enabled=not plain and use_bfloat16("auto")),
        ):
            for batch in batches:
                compute(batch)

    return _speed(128 * len(batches), score)


def measure() -> list[Row]:
    set_up_torch(os.cpu_count() or 1)
    rows = []
    for what, measured in (
        ("stage 1", lambda plain: _stage(FlowStage, 256, plain=plain)),
        ("stage 2", lambda plain: _stage(FrameStage, 128, plain=plain)),
        ("scoring", lambda plain: _scoring(plain=plain)),
    ):
        ours = measured(False)
        with _plain_layers():
            peer = measured(True)
        rows.append(Row(what, ours, peer, "cubes/s", "the same layers, plain, 32 bits"))
        rows.append(Row(f"{what}, goal", ours, GOALS[what], "cubes/s", "on a processor with AMX"))
    return rows
