"""What HF2-VAD's frozen flow autoencoder makes of every cube: computed once, read by many jobs."""

import torch

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.half import to_half
from vadbench.methods import ApplyJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.networks.losses import squared_error
from vadbench.training.cubes import BATCH, flows_of
from vadbench.training.data import CubeSet
from vadbench.training.machine import device, set_up_torch, use_bfloat16

__all__ = ["reconstruct_split"]


def reconstruct_split(job: ApplyJob) -> None:
    """Reconstructs the flows of all cubes of a split and writes the `reconstructions` artefact."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)
    set_up_torch(job.threads)
    place = device()
    networks = Networks(settings, flow=True, frame=False)
    networks.load(job.weights)
    networks.eval().to(place)
    with (
        ArtefactWriter(
            job.output,
            "reconstructions",
            Identity(job.dataset, job.split),
            0,
            settings={"method": job.method, "variant": job.variant, "seed": job.seed}
            | dict(job.effective),
            inputs=[*job.weights.values(), *job.cubes],
            code=job.code,
        ) as writer,
        torch.inference_mode(),
        torch.autocast(place.type, torch.bfloat16, enabled=use_bfloat16(job.precision)),
    ):
        for batch in CubeSet(job.cubes, ["flow"]).in_order(BATCH):
            flows = flows_of({"flow": batch["flow"].to(place)})
            made = networks.reconstruct(flows)[0].float()
            writer.append("reconstructed", to_half(made.permute(0, 1, 3, 4, 2).cpu().numpy()))
            writer.append("errors", squared_error(made, flows).cpu().numpy())
