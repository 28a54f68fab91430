"""What HF2-VAD's frozen flow autoencoder makes of every cube: computed once, read by many jobs."""

from torch import Tensor

from vadbench.half import to_half
from vadbench.methods import ApplyJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.networks.folding import fold_batch_norms
from vadbench.networks.losses import squared_error
from vadbench.training.data import CubeSet
from vadbench.training.inference import compute_batches, output_writer
from vadbench.training.inputs import CUBE_BATCH, flows_of
from vadbench.training.machine import set_up_torch

__all__ = ["reconstruct_split"]


def reconstruct_split(job: ApplyJob) -> None:
    """Reconstructs the flows of all cubes of a split and writes the `reconstructions` artefact."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)
    set_up_torch(job.threads)
    networks = Networks(settings, flow=True, frame=False)
    networks.load(job.weights)
    fold_batch_norms(networks)

    def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        flows = flows_of(batch)
        made = networks.reconstruct(flows)[0].float()
        return {
            "reconstructed": made.permute(0, 1, 3, 4, 2),
            "errors": squared_error(made, flows),
        }

    with output_writer(job, "reconstructions") as writer:

        def keep(made: dict[str, Tensor]) -> None:
            writer.append("reconstructed", to_half(made["reconstructed"].cpu().numpy()))
            writer.append("errors", made["errors"].cpu().numpy())

        samples = CubeSet(job.cubes, ["flow"])
        compute_batches(networks, compute, samples, CUBE_BATCH, job.precision, keep)
