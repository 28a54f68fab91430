"""`walkway`: a synthetic surveillance scene with exact ground truth, rendered from a seed.

A static camera looks down on a paved walkway, a lawn and a facade. Pedestrians with articulated
bodies walk both ways, alone and in groups, push prams, pull suitcases, hold umbrellas, lead dogs,
stop and go on. Test clips add six kinds of anomaly (`ANOMALY_KINDS`) to the same crowd.

What a `scene` artefact holds is computed from the geometry, never estimated:

- `flow[t]` lies on the pixel grid of frame t-1, as OpenCV's flow from t-1 to t does: the surface
  seen at pixel p of frame t-1 is at p + flow[t](p) in frame t, hidden there or not. Each part of a
  body is a flat patch under an affine motion; all else moves with the camera.
- `depth` is the distance from the camera to the visible surface, metres. A part of a body has the
  distance of its middle.
- `instance_map` and the object table hold visible instances of at least `MIN_VISIBLE` pixels.
  Rider and vehicle are two instances, as a COCO detector sees them, and both are abnormal.
- `boxes` are x1 y1 x2 y2 with x2 and y2 exclusive: the tight box of the instance's visible pixels.
- `labels` is 1 where an abnormal instance is visible.
"""

from pathlib import Path

from vadbench.datasets.walkway.settings import (
    ANOMALY_KINDS,
    CLASS_NAMES,
    Split,
    WalkwaySettings,
    list_clips,
)

__all__ = ["ANOMALY_KINDS", "CLASS_NAMES", "WalkwaySettings", "list_clips", "render_clip"]


def render_clip(
    settings: WalkwaySettings,
    dataset: str,
    split: Split,
    clip: str,
    path: str | Path,
    *,
    code: str = "",
) -> None:
    """Renders one clip into a `scene` artefact, a few frames at a time.

    Args:
        settings: The scene; clips are independent of each other and of their number.
        dataset: Name of the data set in the artefact's identity.
        split: "train" or "test".
        clip: A name from `list_clips`.
        path: Where the artefact appears.
        code: Fingerprint of the code, for the artefact's provenance.

    Raises:
        ValueError: The split has no such clip.
    """
    from vadbench.datasets.walkway.render import render

    render(settings, dataset, split, clip, Path(path), code=code)
