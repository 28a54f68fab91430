"""Applies networks to samples: all that is no method's own.

Training does not import this, so an edit here trains nothing again that reads no frozen stage.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.methods import ApplyJob, inputs_of
from vadbench.training.data import Samples
from vadbench.training.machine import device, number_format, use_bfloat16

__all__ = ["Compute", "compute_batches", "output_writer"]

Compute = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def compute_batches(
    networks: nn.Module,
    compute: Compute,
    samples: Samples,
    batch_size: int,
    precision: str,
    keep: Callable[[dict[str, Tensor]], None],
) -> None:
    """Computes something of all samples in order, without gradients.

    Args:
        networks: Set to evaluation and moved to where it runs fastest.
        compute: Returns named tensors for a batch of samples.
        samples: The samples.
        batch_size: Samples per call.
        precision: "auto", "32" or "bf16".
        keep: Takes what each call returns.
    """
    place = device()
    networks.eval().to(place)
    with (
        torch.inference_mode(),
        torch.autocast(place.type, torch.bfloat16, enabled=use_bfloat16(precision)),
    ):
        for stored in samples.in_order(batch_size):
            keep(compute({name: values.to(place) for name, values in stored.items()}))


def output_writer(job: ApplyJob, kind: str) -> ArtefactWriter:
    """Returns the writer of what a frozen stage makes of a split, an artefact of a kind."""
    return ArtefactWriter(
        job.output,
        kind,
        Identity(job.dataset, job.split),
        0,
        settings={"method": job.method, "variant": job.variant, "seed": job.seed}
        | {"computed_in": number_format(job.precision)}
        | dict(job.effective),
        inputs=inputs_of(job),
        code=job.code,
    )
