"""COCO results that others computed: to which clip and frame each belongs."""

import json
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from vadbench.errors import VadbenchError

__all__ = ["read_results"]


def read_results(path: Path, lengths: Mapping[str, int]) -> Iterator[tuple[str, int, str, Any]]:
    """Reads COCO results: a JSON list of objects with an `image_id`.

    Args:
        path: The file.
        lengths: Number of frames of each clip that the file is about, in order.

    Yields:
        Clip, frame (from 0), words for a message about the result, and the result. Its image_id is
        "<clip>/<frame>", or the number of the frame over all clips, both from 0.

    Raises:
        VadbenchError: The file is missing or damaged, or names a frame that there is not.
    """
    try:
        results = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise VadbenchError(f"{path}: not readable as COCO results ({error})") from error
    if not isinstance(results, list):
        raise VadbenchError(f"{path}: not readable as COCO results (no list)")
    clips, ends = list(lengths), list(accumulate(lengths.values()))
    for number, result in enumerate(results):
        where = f"{path}: result {number}"
        image = result.get("image_id") if isinstance(result, dict) else None
        if isinstance(image, str):
            clip, _, digits = image.rpartition("/")
            if not digits.isdecimal() or int(digits) >= lengths.get(clip, 0):
                raise VadbenchError(f"{where}: no frame {image!r} in the split")
            yield clip, int(digits), where, result
        elif isinstance(image, int) and not isinstance(image, bool):
            if not 0 <= image < sum(lengths.values()):
                raise VadbenchError(
                    f"{where}: image_id {image}, but the clips have {sum(lengths.values())} frames "
                    "(from 0)"
                )
            place = next(i for i, end in enumerate(ends) if image < end)
            yield clips[place], image - ends[place] + lengths[clips[place]], where, result
        else:
            raise VadbenchError(f"{where}: not readable as COCO results (no image_id)")
