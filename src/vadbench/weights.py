"""Weights of teachers: where they lie, and where those that are published come from."""

import os
from dataclasses import dataclass
from pathlib import Path

from vadbench.downloads import Progress, download
from vadbench.errors import VadbenchError
from vadbench.methods import nearest
from vadbench.teachers.flow.published import CHECKPOINTS

__all__ = ["WEIGHTS", "Weights", "fetch_weights", "find_weights", "weights_root"]


@dataclass(frozen=True)
class Weights:
    """A published weights file.

    Attributes:
        url: Where it is fetched from.
        sha256: The first digits of its SHA-256, which PyTorch and ptlflow publish in its name.
        what: What it is, in words.
    """

    url: str
    sha256: str
    what: str

    @property
    def file(self) -> str:
        """Its name below the weights folder."""
        return self.url.rpartition("/")[2]


_TORCH = "https://download.pytorch.org/models"
_PTLFLOW = "https://github.com/hmorimitsu/ptlflow/releases/download/weights1"
WEIGHTS = {
    "maskrcnn_resnet50_fpn": Weights(
        f"{_TORCH}/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
        "bf2d0c1e",
        "Mask R-CNN, ResNet-50 FPN, COCO, of torchvision",
    ),
    "maskrcnn_resnet50_fpn_v2": Weights(
        f"{_TORCH}/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
        "73cbd019",
        "Mask R-CNN v2, ResNet-50 FPN, COCO, of torchvision",
    ),
} | {
    name: Weights(f"{_PTLFLOW}/{file}.ckpt", file.rpartition("-")[2], f"optical flow, {name}")
    for name, file in CHECKPOINTS.items()
    if file is not None
}


def weights_root() -> Path:
    """Folder of the weights: the environment variable VADBENCH_WEIGHTS, or `weights`."""
    return Path(os.environ.get("VADBENCH_WEIGHTS") or "weights")


def fetch_weights(name: str, progress: Progress | None = None) -> Path:
    """Fetches published weights into the weights folder.

    Raises:
        VadbenchError: There are none of this name, or fetching fails.
    """
    if name not in WEIGHTS:
        raise VadbenchError(
            f"there are no published weights of {name!r}{nearest(name, list(WEIGHTS))}"
        )
    path = weights_root() / WEIGHTS[name].file
    download(WEIGHTS[name].url, path, WEIGHTS[name].sha256, progress)
    return path


def find_weights(name: str, path: str | None, key: str) -> Path:
    """Returns the file of a teacher's weights.

    Args:
        name: Name of the network, a key of `WEIGHTS` if its weights are published.
        path: The user's own file, or None for the published one.
        key: Where the configuration says so, for the message.

    Raises:
        VadbenchError: It is not there; the message says what to do.
    """
    if path is not None:
        found = Path(path)
        if not found.is_file():
            raise VadbenchError(f"{key}.weights: {found}: no such file")
        return found
    if name not in WEIGHTS:
        raise VadbenchError(
            f"{key}: there are no published weights of {name!r}; name a file with the key "
            f"'weights'{nearest(name, list(WEIGHTS))}"
        )
    found = weights_root() / WEIGHTS[name].file
    if not found.is_file():
        raise VadbenchError(
            f"{key}: the weights {found} are not there; fetch them with\n"
            f"  vadbench fetch weights {name}\n"
            "or name a file of your own with the key 'weights'"
        )
    return found
