"""Pictures of what AMSRC predicts."""

from collections.abc import Sequence

from safetensors.torch import load_file
from torch import Tensor

from vadbench.methods import ExplainJob
from vadbench.methods.amsrc.networks import AMSRCNetwork
from vadbench.methods.amsrc.settings import AMSRCSettings
from vadbench.methods.amsrc.stage import predict
from vadbench.training.data import CubeSet
from vadbench.training.inputs import flows_of, frames_of
from vadbench.training.panels import View, explain

__all__ = ["explain_split"]


def explain_split(job: ExplainJob) -> None:
    """Pictures chosen objects and writes the `panels` artefact."""
    settings = job.settings
    assert isinstance(settings, AMSRCSettings)

    def views() -> Sequence[View]:
        network = AMSRCNetwork(settings)
        network.load_state_dict(load_file(job.weights["predict"]))

        def look(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            predicted, target, _ = predict(network, batch)
            found = {"input/image": frames_of(batch)[:, -6:-3]}
            if network.motion is not None:
                found["motion/flow"] = flows_of(batch)[:, -1]
            error = (predicted - target).square().mean(dim=1, keepdim=True)
            return found | {
                "target/image": target,
                "estimate/image": predicted,
                "map/map": error,
            }

        fields = ["frames"] if network.motion is None else ["frames", "flow"]
        return [View("prediction_error", network, CubeSet(job.cubes, fields), look)]

    explain(job, views)
