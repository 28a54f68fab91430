from pathlib import Path

import numpy as np

from tests.clips import textured
from vadbench.report.curves import draw_run
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores


def test_a_clip_that_the_protocol_drops_has_no_picture(tmp_path: Path) -> None:
    lengths = {"long": 12, "short": 3}
    total = sum(lengths.values())
    offsets = np.cumsum([0, *lengths.values()])
    none, boxes = np.zeros(total + 1, np.int64), np.zeros((0, 4), np.float32)
    test = Scores(list(lengths), offsets, none, boxes, {}, {"a": np.arange(total, dtype=float)})
    draw_run(
        tmp_path,
        "scores",
        test,
        test,
        {clip: np.arange(length, dtype=np.uint8) % 2 for clip, length in lengths.items()},
        PROTOCOLS["drop4"],
        {"a": 1.0},
        lambda clip: textured(lengths[clip], 32, 48, 1),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["long.png"]
