"""One line of a benchmark's table, and what several benchmarks share."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Row:
    """A measurement beside its peer.

    Attributes:
        ours, peer: In `unit`; None where there is none.
        note: What the peer is, or why there is no measurement.
    """

    what: str
    ours: float | None
    peer: float | None
    unit: str
    note: str = ""

    def shown(self, value: float | None) -> str:
        return "" if value is None else f"{value:.4g} {self.unit}"

    @property
    def ratio(self) -> str:
        return "" if not self.peer or self.ours is None else f"{self.ours / self.peer:.2f}"


def seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Best wall time of a call, after one call to warm up."""
    function()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


class ImageClip:
    """A clip of image files, decoded on every pass as a job does."""

    def __init__(self, files: list[Path]) -> None:
        import cv2

        self.files, self.n_frames, self.channels = files, len(files), 1
        self.height, self.width = cv2.imread(str(files[0]), cv2.IMREAD_GRAYSCALE).shape

    def frame(self, t: int) -> npt.NDArray[np.uint8]:
        import cv2

        return cv2.imread(str(self.files[t]), cv2.IMREAD_GRAYSCALE)[..., None]

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return (self.frame(t) for t in range(self.n_frames))


def ped2_like(folder: Path) -> ImageClip:
    """A Ped2 test clip where the data set is at hand, else moving noise of the same size."""
    import cv2

    real = Path(os.environ.get("VADBENCH_DATA", "data")) / "UCSDped2/Test/Test001"
    files = sorted(item for item in real.glob("*.*") if item.suffix in {".jpg", ".tif"})
    if files:
        return ImageClip(files)
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (300, 800)).astype(np.float32), (0, 0), 2)
    noise = ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8)
    for t in range(180):
        cv2.imwrite(str(folder / f"{t:03d}.jpg"), noise[:240, 2 * t : 2 * t + 360])
    return ImageClip(sorted(folder.glob("*.jpg")))


def random_boxes(frames: int, per_frame: int, seed: int = 0) -> list[npt.NDArray[np.float32]]:
    """Boxes of the size of Ped2's pedestrians."""
    rng = np.random.default_rng(seed)
    boxes = []
    for _ in range(frames):
        corner = rng.uniform(0, [330, 200], (per_frame, 2))
        boxes.append(np.hstack([corner, corner + rng.uniform([10, 20], [24, 40], (per_frame, 2))]))
    return [box.astype(np.float32) for box in boxes]


def cube_batch(count: int) -> "dict[str, torch.Tensor]":
    """A batch of Ped2-sized grey cubes of noise."""
    import torch

    made = torch.Generator().manual_seed(0)
    return {
        "frames": torch.randint(0, 256, (count, 5, 32, 32, 1), generator=made, dtype=torch.uint8),
        "flow": torch.randn(count, 4, 32, 32, 2, generator=made).half(),
    }


def plain_memory_format(module: "torch.nn.Module") -> None:
    """Undoes the memory format that our networks choose."""
    import torch

    module.to(memory_format=torch.contiguous_format)


def training_step(stage: Any, bfloat16: bool) -> "Callable[[dict[str, torch.Tensor]], None]":
    """Returns a function that takes one step of training with a batch."""
    import torch

    optimizer, _ = stage.optimiser()

    def step(batch: dict[str, torch.Tensor]) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = stage.training_step(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
