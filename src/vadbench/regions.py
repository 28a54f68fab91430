"""Abnormal regions of test frames, and which of them are one track: ground truth in space."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import ArtefactWriter, Identity, open_artefact

__all__ = ["Regions"]


@dataclass(frozen=True)
class Regions:
    """Abnormal regions of F frames in C clips.

    Attributes:
        clips: Clip names, in order.
        clip_offsets: (C + 1,) index of each clip's first frame.
        known: (C,) whether the clip's regions are known at all.
        frame_offsets: (F + 1,) index of each frame's first region.
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the frame, x2 and y2 exclusive.
        tracks: (N,) int32, numbers that say which regions of a clip are one track.
        sizes: (C, 2) int64, height and width of the clip's frames.
        source: What the regions come from, in words.
    """

    clips: Sequence[str]
    clip_offsets: npt.NDArray[np.int64]
    known: npt.NDArray[np.bool_]
    frame_offsets: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    tracks: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    source: str

    @classmethod
    def load(cls, path: str | Path) -> "Regions":
        """Reads a `regions` artefact.

        Raises:
            VadbenchError: It is damaged.
        """
        with open_artefact(path, "regions") as artefact:
            return cls(
                [str(name) for name in artefact["clips"].asstr()[:]],
                artefact["clip_offsets"][:],
                artefact["known"][:] > 0,
                artefact["frame_offsets"][:],
                artefact["boxes"][:],
                artefact["track_ids"][:],
                artefact["sizes"][:],
                str(artefact.settings["source"]),
            )

    def save(
        self, path: Path, dataset: str, *, inputs: Sequence[Path] = (), code: str = ""
    ) -> None:
        """Writes a `regions` artefact."""
        with ArtefactWriter(
            path,
            "regions",
            Identity(dataset, "test"),
            int(self.clip_offsets[-1]),
            settings={"source": self.source},
            inputs=inputs,
            code=code,
        ) as writer:
            writer.put("clips", list(self.clips))
            writer.put("clip_offsets", self.clip_offsets)
            writer.put("known", self.known.astype(np.uint8))
            writer.put("frame_offsets", self.frame_offsets)
            writer.put("boxes", self.boxes)
            writer.put("track_ids", self.tracks)
            writer.put("sizes", self.sizes)
