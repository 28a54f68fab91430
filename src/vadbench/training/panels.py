"""Pictures of what a network was shown, expected and missed, and maps of where it was wrong.

A method says how to look at a batch of its samples; here these are found, shrunk and stored. A
look is a picture (B, C, H, W) under a name of two parts, what it is and what form it has:
`target/flow`. Forms: `image` (BGR, 0 to 1), `flow` (x and y), `classes` (a number per pixel),
`map` (one channel, 0 and up). `map/map` is the anomaly map, `refined/map` the one that is scored
where a method refines it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.half import to_half
from vadbench.methods import ExplainJob, inputs_of
from vadbench.training.data import CubeSet, Samples
from vadbench.training.inference import compute_batches
from vadbench.training.inputs import FRAME_BATCH
from vadbench.training.machine import device, set_up_torch, use_bfloat16

__all__ = ["View", "explain"]

Look = Callable[[dict[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class View:
    """How one component of a method's score looks at samples.

    Attributes:
        component: Name of the component.
        networks: Its networks.
        samples: Samples of the split: cubes, or whole frames.
        look: Returns pictures of a batch.
        missing: Frames at a clip's start that have no sample of their own but the next one's.
    """

    component: str
    networks: nn.Module
    samples: Samples
    look: Look
    missing: int = 0

    def _sample(self, clip: int, frame: int, item: int) -> int:
        if isinstance(self.samples, CubeSet):
            return item
        return int(self.samples.starts[clip]) + max(0, frame - self.missing)

    def pictures(self, job: ExplainJob) -> dict[str, Tensor]:
        """Returns what the chosen frames or objects look like, a row for each."""
        chosen = job.chosen
        place = device()
        self.networks.eval().to(place)
        parts: dict[str, list[Tensor]] = {}
        for clip, frame, item in zip(chosen.clip_numbers, chosen.frames, chosen.items, strict=True):
            number = self._sample(int(clip), int(frame), int(item))
            stored = self.samples.read(number, number + 1)
            batch = {name: torch.from_numpy(values).to(place) for name, values in stored.items()}
            # The latent of a network that draws one is the same in every run.
            torch.manual_seed(job.seed)
            with (
                torch.inference_mode(),
                torch.autocast(place.type, torch.bfloat16, enabled=use_bfloat16(job.precision)),
            ):
                for name, picture in self.look(batch).items():
                    parts.setdefault(name, []).append(
                        _shrink(picture.float().cpu(), name, job.size)
                    )
        return {name: torch.cat(pictures) for name, pictures in parts.items()}

    def maps(self, job: ExplainJob, keep: Callable[[Tensor], None]) -> None:
        """Computes the anomaly map of every sample."""

        def compute(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            looks = self.look(batch)
            found = looks.get("refined/map", looks["map/map"])
            return {"map": _shrink(found.float(), "map", job.size)[:, 0]}

        torch.manual_seed(job.seed)
        compute_batches(
            self.networks,
            compute,
            self.samples,
            FRAME_BATCH,
            job.precision,
            lambda made: keep(made["map"].cpu()),
        )


def _shrink(picture: Tensor, name: str, size: int) -> Tensor:
    """Makes the longer side at most `size`."""
    height, width = picture.shape[-2:]
    share = size / max(height, width)
    if share >= 1:
        return picture
    shape = (max(1, round(height * share)), max(1, round(width * share)))
    if name.endswith("classes"):
        return F.interpolate(picture, shape, mode="nearest-exact")
    return F.interpolate(picture, shape, mode="area")


def explain(job: ExplainJob, views: Callable[[], Sequence[View]]) -> None:
    """Writes what a job asks for: the `panels` artefact, `maps`, or both.

    Args:
        job: What to look at.
        views: Loads the networks and says how each component looks at samples.
    """
    set_up_torch(job.threads)
    shown = views()
    if job.panels is not None:
        _write_panels(job, job.panels, shown)
    if job.maps is not None:
        _write_maps(job, job.maps, shown)


def _write_panels(job: ExplainJob, path: Path, shown: Sequence[View]) -> None:
    chosen = job.chosen
    with _writer(job, path, "panels", len(chosen.frames)) as writer:
        writer.put("clips", list(chosen.clips))
        writer.put("frames", chosen.frames)
        writer.put("frame_scores", chosen.scores)
        writer.put("labels", chosen.labels)
        writer.put("boxes", chosen.boxes)
        if chosen.kinds:
            writer.put("kinds", list(chosen.kinds))
        for view in shown:
            for name, picture in view.pictures(job).items():
                values = picture.permute(0, 2, 3, 1).numpy()
                writer.put(f"picture/{view.component}/{name}", to_half(values))


def _write_maps(job: ExplainJob, path: Path, shown: Sequence[View]) -> None:
    offsets = job.chosen.clip_offsets
    with _writer(job, path, "maps", int(offsets[-1])) as writer:
        writer.put("clips", list(job.chosen.all_clips))
        writer.put("clip_offsets", offsets)
        for view in shown:
            first = {int(start) for start in view.samples.starts[:-1]}
            done = 0

            def keep(maps: Tensor, view: View = view, first: set[int] = first) -> None:
                nonlocal done
                for row in to_half(maps.numpy()):
                    # A clip's first frames have the map of the first that has its own.
                    repeats = 1 + (view.missing if done in first else 0)
                    writer.append(f"map/{view.component}", np.repeat(row[None], repeats, axis=0))
                    done += 1

            view.maps(job, keep)


def _writer(job: ExplainJob, path: Path, kind: str, n_frames: int) -> ArtefactWriter:
    return ArtefactWriter(
        path,
        kind,
        Identity(job.dataset, job.split),
        n_frames,
        settings={"method": job.method, "variant": job.variant, "seed": job.seed, "size": job.size}
        | dict(job.effective),
        inputs=[*inputs_of(job), *job.scores],
        code=job.code,
    )
