"""Small pictures of test clips: one sheet of sampled frames for each, for the site's cursor."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vadbench.artefacts import write_atomically

if TYPE_CHECKING:
    from vadbench.datasets import Clip

__all__ = ["Sheet", "draw_sheets", "plan_sheet"]

_MOST = 64  # frames of a clip
_COLUMNS = 8
_WIDTH = 160
_QUALITY = 60


@dataclass(frozen=True)
class Sheet:
    """Where each sampled frame lies in a clip's sheet.

    Attributes:
        step: Every how many frames one is sampled, from the first on.
        count: Sampled frames.
        columns: Frames side by side.
        width, height: Of one, pixels.
    """

    step: int
    count: int
    columns: int
    width: int
    height: int

    def plain(self) -> dict[str, Any]:
        """Returns JSON types."""
        return asdict(self)


def plan_sheet(n_frames: int, height: int, width: int) -> Sheet:
    """Returns the sheet of a clip of so many frames of this size, pixels."""
    step = max(1, math.ceil(n_frames / _MOST))
    count = math.ceil(n_frames / step)
    small = min(_WIDTH, width)
    return Sheet(step, count, min(_COLUMNS, count), small, max(1, round(height * small / width)))


def draw_sheets(
    folder: Path, clips: dict[str, Callable[[], "Clip"]], tell: Callable[[str], None]
) -> None:
    """Draws `<folder>/<number>.jpg` for each clip; numbers are those of the clips, from 0.

    Args:
        folder: Where the sheets go.
        clips: Opens each clip, by name, in order.
        tell: Is called with each clip's name.
    """
    import cv2

    for number, (name, open_clip) in enumerate(clips.items()):
        tell(name)
        clip = open_clip()
        sheet = plan_sheet(clip.n_frames, clip.height, clip.width)
        rows = math.ceil(sheet.count / sheet.columns)
        canvas = np.zeros((rows * sheet.height, sheet.columns * sheet.width, 3), np.uint8)
        for place in range(sheet.count):
            small = cv2.resize(
                clip.frame(place * sheet.step),
                (sheet.width, sheet.height),
                interpolation=cv2.INTER_AREA,
            )
            row, column = divmod(place, sheet.columns)
            y, x = row * sheet.height, column * sheet.width
            # A frame of one channel comes back without that axis, or with it.
            canvas[y : y + sheet.height, x : x + sheet.width] = small.reshape(*small.shape[:2], -1)
        done, encoded = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise OSError(f"clip {name}: its sheet of frames cannot be encoded")
        with write_atomically(folder / f"{number}.jpg") as stream:
            stream.write(encoded.tobytes())
