"""Computes the untrained baselines of a split."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Identity, open_artefact
from vadbench.methods import ClipFrames, ScoreJob
from vadbench.scoring.scores import Scores

__all__ = ["box_scores", "frame_difference", "score_split"]

Floats = npt.NDArray[np.float64]


def box_scores(boxes: npt.NDArray[np.float32]) -> dict[str, Floats]:
    """Returns width, area and aspect (width / height) of boxes (N, 4)."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64).T
    return {
        "box_area": width * height,
        "box_width": width,
        "box_aspect": width / np.maximum(height, 1e-6),
    }


def frame_difference(clip: ClipFrames) -> Floats:
    """Returns the mean absolute difference of each frame to the one before; the first has 0."""
    values = np.zeros(clip.n_frames)
    previous: npt.NDArray[np.int16] | None = None
    for t, frame in enumerate(clip.open()):
        current = frame.astype(np.int16)
        if previous is not None:
            values[t] = np.abs(current - previous).mean()
        previous = current
    return values


def score_split(job: ScoreJob) -> None:
    """Writes the `scores` artefact."""
    magnitudes, counts, differences, numbers = [], [], [], []
    for clip, path in zip(job.clips, job.cubes, strict=True):
        with open_artefact(path, "cubes") as cubes:
            offsets = cubes["frame_offsets"][:]
            counts.append(np.diff(offsets))
            for start, end in pairwise(offsets.tolist()):
                # The flow into the target frame, as it was cut out and resized.
                motion = cubes["flow"][start:end, -1].astype(np.float64)
                magnitudes.append(np.hypot(motion[..., 0], motion[..., 1]).max(axis=(1, 2)))
        differences.append(frame_difference(clip))
        numbers.append(np.arange(clip.n_frames))
    scores = Scores.of_cubes(
        [clip.name for clip in job.clips],
        job.cubes,
        {"flow_magnitude": np.concatenate([np.zeros(0), *magnitudes])},
    )
    Scores(
        scores.clips,
        scores.clip_offsets,
        scores.object_offsets,
        scores.boxes,
        {**box_scores(scores.boxes), **scores.objects},
        {
            "box_count": np.concatenate(counts).astype(np.float64),
            "frame_difference": np.concatenate(differences),
            "frame_index": np.concatenate(numbers).astype(np.float64),
        },
    ).save(
        job.output,
        Identity(job.dataset, job.split),
        settings={"method": "baselines", "variant": job.variant, "settings": {}},
        inputs=list(job.cubes),
        code=job.code,
    )
