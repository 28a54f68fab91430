"""Pictures of what HF2-VAD reconstructs and predicts, as in the paper's Figure 11."""

from collections.abc import Sequence

from torch import Tensor

from vadbench.methods import ExplainJob
from vadbench.methods.hf2vad.model import Networks
from vadbench.methods.hf2vad.settings import HF2VADSettings
from vadbench.training.data import CubeSet
from vadbench.training.inputs import flows_of, frames_of
from vadbench.training.panels import View, explain

__all__ = ["explain_split"]


def explain_split(job: ExplainJob) -> None:
    """Pictures chosen objects and writes the `panels` artefact."""
    settings = job.settings
    assert isinstance(settings, HF2VADSettings)

    def views() -> Sequence[View]:
        # Of a few objects the frozen network's outputs are as quickly computed as read.
        networks = Networks(settings, flow="flow" in job.weights, frame="cvae" in job.weights)
        networks.load(job.weights)

        def reconstruct(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            flows = flows_of(batch)
            made = networks.reconstruct(flows)[0].float()
            error = (made - flows)[:, -1].square().sum(dim=1, keepdim=True)
            return {
                "input/image": frames_of(batch)[:, -3:],
                "target/flow": flows[:, -1],
                "estimate/flow": made[:, -1],
                "map/map": error,
            }

        def predict(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            assert networks.cvae is not None
            flows, frames = flows_of(batch), frames_of(batch)
            made = networks.reconstruct(flows)[0].float() if networks.flow is not None else None
            sample = settings.sampling == "stochastic"
            condition = networks.condition(flows, made)
            predicted = networks.cvae(frames[:, :-3], condition, sample=sample)[0].float()
            error = (predicted - frames[:, -3:]).square().mean(dim=1, keepdim=True)
            return {
                "input/image": frames[:, -6:-3],
                "target/image": frames[:, -3:],
                "estimate/image": predicted,
                "map/map": error,
            }

        samples = CubeSet(job.cubes)
        looks = []
        if networks.flow is not None:
            looks.append(View("flow_reconstruction", networks, samples, reconstruct))
        if networks.cvae is not None:
            looks.append(View("frame_prediction", networks, samples, predict))
        return looks

    explain(job, views)
