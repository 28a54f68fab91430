"""Pictures of what the memory toy makes of digits, as in HF2-VAD's Figure 4."""

from collections.abc import Sequence

from safetensors.torch import load_file
from torch import Tensor

from vadbench.methods import ExplainJob
from vadbench.methods.memory_toy.model import build, images_of
from vadbench.methods.memory_toy.settings import MemoryToySettings
from vadbench.training.data import ViewSet
from vadbench.training.panels import View, explain

__all__ = ["explain_split"]


def explain_split(job: ExplainJob) -> None:
    """Pictures chosen digits and writes the `panels` artefact."""
    settings = job.settings
    assert isinstance(settings, MemoryToySettings)

    def views() -> Sequence[View]:
        network = build(settings)
        network.load_state_dict(load_file(job.weights["reconstruct"]))

        def look(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            images = images_of(batch)
            made = network(images)[0].float()
            return {
                "input/image": images.expand(-1, 3, -1, -1),
                "estimate/image": made.expand(-1, 3, -1, -1),
                "map/map": (made - images).square(),
            }

        samples = ViewSet(job.views, {"frames": (0,)})
        return [View("reconstruction_error", network, samples, look)]

    explain(job, views)
