"""Pixel masks of what is abnormal in test frames, where a data set has them.

Apart from the families' modules, which every job on frames is computed with: masks are for pictures
and pixel-level metrics only.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import open_artefact
from vadbench.datasets import open_source, raw_root
from vadbench.errors import VadbenchError

__all__ = ["Mask", "open_masks"]

Mask = Callable[[int], npt.NDArray[np.bool_]]
"""Returns the mask of a frame, (H, W)."""


def open_masks(source: Mapping[str, Any], dataset: str, clip: str) -> Mask | None:
    """Opens the masks of a test clip.

    Args:
        source: The data set's source settings; see `open_source`.
        dataset: Its name in the configuration.
        clip: The test clip.

    Returns:
        None where the data set has no masks of the clip.

    Raises:
        VadbenchError: A mask cannot be read; raised when it is asked for.
    """
    if source["family"] == "walkway":
        path = raw_root("walkway", dataset) / "test" / f"{clip}.h5"

        def rendered(t: int) -> npt.NDArray[np.bool_]:
            with open_artefact(path, "scene") as scene:
                return np.asarray(scene["abnormal_mask"][t] > 0)

        return rendered if Path(path).is_file() else None
    if source["family"] == "ucsd":
        try:
            # UCSD's masks lie beside the clip, one image a frame.
            images = open_source(source, dataset, "test", f"{clip}_gt")
        except VadbenchError:
            return None
        return lambda t: np.asarray(images.frame(t).max(axis=-1) > 0)
    return None
