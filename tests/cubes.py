"""Cubes artefacts made in memory, for tests of what learns from them."""

from pathlib import Path

import numpy as np

from vadbench.artefacts import ArtefactWriter, Identity

LENGTH = 5


def write_cubes(
    folder: Path, counts: list[int], *, channels: int = 1, split: str = "train", seed: int = 0
) -> list[Path]:
    """Writes one artefact per clip with that many random cubes, smooth in space."""
    import cv2

    rng = np.random.default_rng(seed)
    paths = []
    for number, count in enumerate(counts):
        path = folder / split / f"{number:02d}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.uniform(0, 255, (count, LENGTH, 8, 8, channels))
        frames = np.zeros((count, LENGTH, 32, 32, channels), np.uint8)
        flow = np.zeros((count, LENGTH - 1, 32, 32, 2), np.float16)
        for cube in range(count):
            for k in range(LENGTH):
                frames[cube, k] = cv2.resize(coarse[cube, k], (32, 32)).reshape(32, 32, channels)
            for k in range(LENGTH - 1):
                flow[cube, k] = cv2.resize(rng.normal(0, 2, (4, 4, 2)), (32, 32))
        n_frames = max(1, count)
        offsets = np.minimum(np.arange(n_frames + 1), count)
        with ArtefactWriter(
            path, "cubes", Identity("made", split, f"{number:02d}"), n_frames, settings={}
        ) as writer:
            writer.put("frame_offsets", offsets)
            writer.put("boxes", np.tile(np.array([[0, 0, 8, 8]], np.float32), (count, 1)))
            writer.put("frames", frames)
            writer.put("flow", flow)
        paths.append(path)
    return paths
