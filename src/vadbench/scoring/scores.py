"""Raw component scores of a split: what methods write and protocols read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.errors import VadbenchError

__all__ = ["Scores", "fill_start"]

Floats = npt.NDArray[np.float64]


def fill_start(
    values: Floats, starts: Sequence[int] | npt.NDArray[np.int64], missing: int
) -> Floats:
    """Gives the first frames of each clip, which have no score, that of the next one.

    Args:
        values: (N,) scores of all clips, in order.
        starts: (C + 1,) index of each clip's first score.
        missing: Frames without a score at the start of each clip.

    Returns:
        (N + C * missing,).
    """
    parts = []
    for start, end in pairwise(starts):
        parts += [np.repeat(values[start : start + 1], missing), values[start:end]]
    return np.concatenate(parts)


@dataclass(frozen=True)
class Scores:
    """Raw scores of F frames in C clips with N objects.

    Attributes:
        clips: Clip names, in order.
        clip_offsets: (C + 1,) index of each clip's first frame.
        object_offsets: (F + 1,) index of each frame's first object.
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels.
        objects: For each component a score per object, (N,) float64; higher is more abnormal.
        frames: For each component a score per frame, (F,) float64.
    """

    clips: Sequence[str]
    clip_offsets: npt.NDArray[np.int64]
    object_offsets: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    objects: Mapping[str, Floats] = field(default_factory=dict)
    frames: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def n_frames(self) -> int:
        """Frames of all clips."""
        return int(self.clip_offsets[-1])

    @property
    def components(self) -> list[str]:
        """Names of all components."""
        return [*self.objects, *self.frames]

    @classmethod
    def load(cls, path: str | Path) -> "Scores":
        """Reads a `scores` artefact.

        Raises:
            VadbenchError: It is damaged, or a score is not finite; clip and component are named.
        """
        with open_artefact(path, "scores") as artefact:
            clips = [str(name) for name in artefact["clips"].asstr()[:]]
            offsets = artefact["clip_offsets"][:]
            object_offsets = artefact["object_offsets"][:]
            found: dict[str, dict[str, Floats]] = {"object": {}, "frame": {}}
            for name in artefact.fields:
                group, _, component = name.partition("/")
                if component:
                    values = artefact[name][:]
                    bad = np.flatnonzero(~np.isfinite(values))
                    if len(bad):
                        row = bad[0]
                        if group == "object":
                            row = np.searchsorted(object_offsets, row, side="right") - 1
                        clip = np.searchsorted(offsets, row, side="right") - 1
                        raise VadbenchError(
                            f"{path}: {component} of clip {clips[clip]}, frame "
                            f"{row - offsets[clip]} is not finite; the training diverged or a "
                            "cube is damaged"
                        )
                    found[group][component] = values
            return cls(
                clips,
                offsets,
                object_offsets,
                artefact["boxes"][:],
                found["object"],
                found["frame"],
            )

    @classmethod
    def of_cubes(
        cls, clips: Sequence[str], cubes: Sequence[Path], objects: Mapping[str, Floats]
    ) -> "Scores":
        """Puts scores of cubes, in their order, at the frames and boxes of the cubes.

        Args:
            clips: Clip names.
            cubes: Cubes artefacts of the clips.
            objects: For each component a score per cube.
        """
        offsets, boxes, lengths = [np.zeros(1, np.int64)], [], [0]
        for path in cubes:
            with open_artefact(path, "cubes") as artefact:
                offsets.append(artefact["frame_offsets"][1:] + offsets[-1][-1])
                boxes.append(artefact["boxes"][:])
                lengths.append(artefact.n_frames)
        return cls(
            list(clips),
            np.cumsum(lengths, dtype=np.int64),
            np.concatenate(offsets),
            np.concatenate(boxes),
            dict(objects),
        )

    @classmethod
    def of_frames(
        cls, clips: Sequence[str], lengths: Sequence[int], frames: Mapping[str, Floats]
    ) -> "Scores":
        """Scores of whole frames, without objects.

        Args:
            clips: Clip names.
            lengths: Frames of each clip.
            frames: For each component a score per frame over all clips.
        """
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        none = np.zeros(offsets[-1] + 1, np.int64)
        return cls(list(clips), offsets, none, np.zeros((0, 4), np.float32), {}, dict(frames))

    def save(
        self,
        path: Path,
        identity: Identity,
        *,
        settings: Mapping[str, Any],
        inputs: Sequence[Path] = (),
        code: str = "",
    ) -> None:
        """Writes a `scores` artefact."""
        with ArtefactWriter(
            path,
            "scores",
            identity,
            self.n_frames,
            settings=settings,
            inputs=inputs,
            code=code,
        ) as writer:
            writer.put("clips", list(self.clips))
            writer.put("clip_offsets", self.clip_offsets)
            writer.put("object_offsets", self.object_offsets)
            writer.put("boxes", self.boxes)
            for name, values in self.objects.items():
                writer.put(f"object/{name}", values)
            for name, values in self.frames.items():
                writer.put(f"frame/{name}", values)
