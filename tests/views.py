"""Views artefacts made in memory, for tests of what learns from whole frames."""

from pathlib import Path

import numpy as np

from tests.clips import textured
from vadbench.artefacts import ArtefactWriter, Identity


def write_views(
    folder: Path, lengths: list[int], *, size: int = 32, split: str = "train"
) -> list[Path]:
    """Writes one artefact per clip: a texture that moves two pixels right and one down a frame."""
    paths = []
    for number, length in enumerate(lengths):
        path = folder / split / f"{number:02d}.h5"
        clip = textured(length, size, size, 1, seed=number)
        owner = Identity("made", split, path.stem)
        with ArtefactWriter(path, "views", owner, length, settings={}) as writer:
            writer.put("frames", clip.frames)
            flow = np.tile(np.array([2.0, 1.0], np.float16), (length, size, size, 1))
            flow[0] = 0
            writer.put("flow", flow)
            writer.put("class_map", (clip.frames[..., 0] > 127).astype(np.uint8))
            ramp = np.linspace(0, 1, size, dtype=np.float16)[:, None]
            writer.put("depth", np.tile(ramp, (length, 1, size)))
        paths.append(path)
    return paths
