"""Pictures of what flow_duality predicts."""

from collections.abc import Sequence

from safetensors.torch import load_file
from torch import Tensor

from vadbench.methods import ExplainJob
from vadbench.methods.flow_duality.networks import FrameNetwork
from vadbench.methods.flow_duality.samples import frame_pairs
from vadbench.methods.flow_duality.settings import FlowDualitySettings
from vadbench.methods.flow_duality.stages import predict_frames
from vadbench.training.panels import View, explain

__all__ = ["explain_split"]


def explain_split(job: ExplainJob) -> None:
    """Pictures chosen frames and writes the `panels` artefact."""
    settings = job.settings
    assert isinstance(settings, FlowDualitySettings)

    def views() -> Sequence[View]:
        network = FrameNetwork(settings)
        network.load_state_dict(load_file(job.weights["frame"]))

        def look(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            now, following, predicted = predict_frames(network, batch)
            found = {"input/image": now}
            if network.guided:
                # Stored as RGB; images are BGR here.
                colours = batch["colours"].permute(0, 3, 1, 2).flip(1).float() / 255
                found["predicted flow/image"] = colours
            error = (predicted - following).square().mean(dim=1, keepdim=True)
            return found | {
                "target/image": following,
                "estimate/image": predicted,
                "map/map": error,
            }

        # The first frame of a clip copies the score of the second (Sec. 3.3).
        return [View("negative_psnr", network, frame_pairs(job.views, job.frozen), look, 1)]

    explain(job, views)
