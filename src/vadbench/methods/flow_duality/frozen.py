"""What flow_duality's frozen motion network makes of every frame."""

import torch
from safetensors.torch import load_file
from torch import Tensor

from vadbench.methods import ApplyJob
from vadbench.methods.flow_duality.networks import MotionNetwork
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.training.data import ViewSet
from vadbench.training.inference import compute_batches, output_writer
from vadbench.training.inputs import FRAME_BATCH, frames_of
from vadbench.training.machine import set_up_torch

__all__ = ["apply_motion"]


def apply_motion(job: ApplyJob) -> None:
    """Predicts the flow of every frame of a split and writes the `flow_colours` artefact."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)
    set_up_torch(job.threads)
    network = MotionNetwork(settings)
    network.load_state_dict(load_file(job.weights["motion"]))

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        made = network(frames_of(batch)).float()
        return {"colours": (255 * made).round().to(torch.uint8).permute(0, 2, 3, 1)}

    with output_writer(job, "flow_colours") as writer:

        def keep(made: dict[str, Tensor]) -> None:
            writer.append("colours", made["colours"].cpu().numpy())

        samples = ViewSet(job.views, {"frames": (0,)}, reach=(0, 1))
        compute_batches(network, compute, samples, FRAME_BATCH, job.precision, keep)
