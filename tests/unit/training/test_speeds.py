from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.training.speeds import speed_percentile


def write(
    folder: Path, lengths: list[int], size: int = 12
) -> tuple[list[Path], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Views of random flow; all flows but clips' first, and where an object is."""
    rng = np.random.default_rng(0)
    paths, flows, objects = [], [], []
    for number, length in enumerate(lengths):
        paths.append(folder / f"{number}.h5")
        flow = rng.normal(0, 3, (length, size, size, 2)).astype(np.float16)
        classes = rng.integers(0, 2, (length, size, size), np.uint8)
        owner = Identity("made", "train", str(number))
        with ArtefactWriter(paths[-1], "views", owner, length, settings={}) as writer:
            writer.put("frames", rng.integers(0, 256, (length, size, size, 1), np.uint8))
            writer.put("flow", flow)
            writer.put("class_map", classes)
        flows.append(flow[1:].astype(np.float32))
        objects.append(classes[1:] > 0)
    return paths, np.hypot(*np.moveaxis(np.concatenate(flows), -1, 0)), np.concatenate(objects)


@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize("masked", [True, False])
def test_it_is_the_percentile_of_all_pixels(tmp_path: Path, step: int, masked: bool) -> None:
    paths, speeds, objects = write(tmp_path, [150, 3, 1])
    every = speeds[:, ::step, ::step]
    expected = np.percentile(every[objects[:, ::step, ::step]] if masked else every, 90)
    assert speed_percentile(paths, 90, step=step, masked=masked) == pytest.approx(expected)


def test_of_a_large_set_every_so_many_frames_count(tmp_path: Path) -> None:
    paths, speeds, _ = write(tmp_path, [301])
    # 43,200 pixels, of which a third are no more than 14,500.
    assert speed_percentile(paths, 90, step=1, most=14_500) == np.percentile(speeds[::3], 90)


def test_where_nothing_moves_it_is_one(tmp_path: Path) -> None:
    paths, *_ = write(tmp_path, [1])
    assert speed_percentile(paths, 99, step=2) == 1.0
