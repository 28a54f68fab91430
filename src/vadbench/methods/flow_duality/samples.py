"""What flow_duality's stages read of views."""

from collections.abc import Sequence
from pathlib import Path

from vadbench.training.data import ViewSet

__all__ = ["frame_pairs", "single_frames"]


def single_frames(views: Sequence[Path]) -> ViewSet:
    """Frame t and the flow from it into the next."""
    return ViewSet(views, {"frames": (0,), "flow": (1,)})


def frame_pairs(views: Sequence[Path], frozen: Path | None) -> ViewSet:
    """Frames t and t+1 and, if there are any, the predicted colours of the flow between them."""
    return ViewSet(views, {"frames": (0, 1)}, {"colours": frozen} if frozen else {})
