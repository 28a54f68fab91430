"""AMSRC on Ped2-sized grey cubes: training steps and scoring, cubes/s.

The peer computes the same the plain way: 32 bits, PyTorch's default memory format.
"""

import os

import torch
from rows import Row, cube_batch, plain_memory_format, seconds, training_step

from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.methods.amsrc.stage import PredictStage, predict
from vadbench.training.machine import set_up_torch, use_bfloat16

BATCH, GOAL = 128, 160.0


def _speeds(*, plain: bool) -> tuple[float, float]:
    torch.manual_seed(0)
    stage = PredictStage(AMSRCSettings())
    if plain:
        plain_memory_format(stage)
    bfloat16 = not plain and use_bfloat16("auto")
    batch, step = cube_batch(BATCH), training_step(stage, bfloat16)

    def score() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            predict(stage.networks, batch)

    training = BATCH / seconds(lambda: step(batch), 3)
    stage.eval()
    return training, BATCH / seconds(score, 3)


def measure() -> list[Row]:
    set_up_torch(os.cpu_count() or 1)
    ours, peer = _speeds(plain=False), _speeds(plain=True)
    note = "the same layers, plain, 32 bits"
    return [
        Row("training", ours[0], peer[0], "cubes/s", note),
        Row("training, goal", ours[0], GOAL, "cubes/s", "on a processor with AMX"),
        Row("scoring", ours[1], peer[1], "cubes/s", note),
    ]
