"""Weights of teachers and encoders: where they lie, and where published ones come from."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from vadbench.downloads import Progress, digest_of, download, read_digest, recorded_digest
from vadbench.errors import VadbenchError
from vadbench.methods import nearest
from vadbench.teachers.flow.published import CHECKPOINTS

__all__ = [
    "WEIGHTS",
    "HubWeights",
    "MissingWeightsError",
    "Weights",
    "collect_missing",
    "fetch_weights",
    "find_folder",
    "find_weights",
    "verify_weights",
    "weights_root",
]


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

    def sources(self) -> dict[str, tuple[str, str]]:
        """URL and SHA-256 of each file by its name below the weights folder."""
        return {self.file: (self.url, self.sha256)}


@dataclass(frozen=True)
class HubWeights:
    """Published weights in a Hugging Face repository, which becomes a folder of the same name.

    Attributes:
        repository: Owner and name.
        revision: Commit, branch or other reference.
        files: SHA-256 by file, the weights last; empty where none is known beforehand, so that
            the digest counts that the server states.
        what: What it is, in words.
    """

    repository: str
    revision: str
    files: Mapping[str, str]
    what: str

    @property
    def file(self) -> str:
        """The weights' name below the weights folder."""
        return f"{self.repository}/{list(self.files)[-1]}"

    def sources(self) -> dict[str, tuple[str, str]]:
        """URL and SHA-256 of each file by its name below the weights folder."""
        site = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        revision = self.revision.replace("/", "%2F")
        place = f"{site.rstrip('/')}/{self.repository}/resolve/{revision}"
        return {
            f"{self.repository}/{name}": (f"{place}/{name}", sha256)
            for name, sha256 in self.files.items()
        }


def _depth(repository: str, revision: str, sha256: str, what: str) -> HubWeights:
    small = dict.fromkeys(("config.json", "preprocessor_config.json"), "")
    return HubWeights(repository, revision, {**small, "model.safetensors": sha256}, what)


def _encoder(repository: str, revision: str, what: str) -> HubWeights:
    return HubWeights(repository, revision, {"model.safetensors": ""}, what)


_TORCH = "https://download.pytorch.org/models"
_ZOO = "https://dl.fbaipublicfiles.com/detectron2/COCO-InstanceSegmentation"
_ZOO_FILES = {
    "mask_rcnn_R_50_C4_1x": "137259246/model_final_9243eb.pkl",
    "mask_rcnn_R_50_C4_3x": "137849525/model_final_4ce675.pkl",
    "mask_rcnn_R_50_DC5_1x": "137260150/model_final_4f86c3.pkl",
    "mask_rcnn_R_50_DC5_3x": "137849551/model_final_84107b.pkl",
    "mask_rcnn_R_50_FPN_1x": "137260431/model_final_a54504.pkl",
    "mask_rcnn_R_50_FPN_3x": "137849600/model_final_f10217.pkl",
    "mask_rcnn_R_101_C4_3x": "138363239/model_final_a2914c.pkl",
    "mask_rcnn_R_101_DC5_3x": "138363294/model_final_0464b7.pkl",
    "mask_rcnn_R_101_FPN_3x": "138205316/model_final_a3ec72.pkl",
    "mask_rcnn_X_101_32x8d_FPN_3x": "139653917/model_final_2d9806.pkl",
}
_PTLFLOW = "https://github.com/hmorimitsu/ptlflow/releases/download/weights1"
# SHA-256 as the repositories' own pages show them.
_DEPTH_NETWORKS = [
    _depth(
        "Intel/dpt-hybrid-midas",
        # The main branch has the weights as a pickle only.
        "refs/pr/5",
        "9599793d3ce64d7ebc85657360831596c1df9abc61f6820fe623fe7efb2e29c5",
        "MiDaS 3.0, DPT-Hybrid",
    ),
    _depth(
        "Intel/dpt-large",
        "cc27b92e869fc79f52a0241addbbcd1579b66b11",
        "c173e7fd575c4d6c2164621063fed3a0e7e2eb6adbfb7c1845b364bc0fed9ce8",
        "MiDaS 3.0, DPT-Large",
    ),
    _depth(
        "Intel/dpt-swinv2-tiny-256",
        "main",
        "b11e8b50dee40e953a1c38c9d9330e3bf5512247389b87b74d0c47c263b64983",
        "MiDaS 3.1, its smallest network in transformers",
    ),
    _depth(
        "LiheYoung/depth-anything-small-hf",
        "main",
        "7997c812d8964a741eec21e6816ec2db1e442b5109ea2e7db26dcb03c9060ef0",
        "Depth Anything, small",
    ),
    _depth(
        "depth-anything/Depth-Anything-V2-Small-hf",
        "main",
        "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
        "Depth Anything V2, small",
    ),
]

WEIGHTS: dict[str, Weights | HubWeights] = {
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
    **{
        name: Weights(
            f"{_ZOO}/{name}/{file}",
            f"md5:{Path(file).stem.rpartition('_')[2]}",
            f"{name}, COCO, of detectron2's model zoo",
        )
        for name, file in _ZOO_FILES.items()
    },
    **{entry.repository: entry for entry in _DEPTH_NETWORKS},
    "MiDaS_small": Weights(
        "https://github.com/isl-org/MiDaS/releases/download/v2_1/midas_v21_small_256.pt",
        "70d6b9c8",
        "MiDaS 2.1, its small network",
    ),
    # Revisions as segmentation-models-pytorch names them.
    "resnet34": _encoder(
        "smp-hub/resnet34.imagenet",
        "7a57b34f723329ff020b3f8bc41771163c519d0c",
        "ResNet-34 encoder, ImageNet, of segmentation-models-pytorch",
    ),
    "vgg16": _encoder(
        "smp-hub/vgg16.imagenet",
        "49d74b799006ee252b86e25acd6f1fd8ac9a99c1",
        "VGG-16 encoder, ImageNet, of segmentation-models-pytorch",
    ),
    **{
        name: Weights(f"{_PTLFLOW}/{file}.ckpt", file.rpartition("-")[2], f"optical flow, {name}")
        for name, file in CHECKPOINTS.items()
        if file is not None
    },
}


class MissingWeightsError(VadbenchError):
    """Weights are not there.

    Attributes:
        lines: Which, one to a line.
        names: Those of them that can be fetched.
    """

    def __init__(self, lines: Sequence[str], names: Sequence[str] = ()) -> None:
        self.lines, self.names = list(lines), list(names)
        super().__init__("\n".join([*dict.fromkeys(self.lines), *self.advice]))

    @property
    def advice(self) -> list[str]:
        """What to do, in lines."""
        if not self.names:
            return []
        return [
            "fetch them with",
            f"  vadbench fetch weights {' '.join(dict.fromkeys(self.names))}",
            "or name a path of your own in the configuration",
        ]


def weights_root() -> Path:
    """Folder of the weights: the environment variable VADBENCH_WEIGHTS, or `weights`."""
    return Path(os.environ.get("VADBENCH_WEIGHTS") or "weights")


def fetch_weights(name: str, progress: Progress | None = None) -> Path:
    """Fetches published weights into the weights folder.

    Returns:
        The file, or the folder of several.

    Raises:
        VadbenchError: There are none of this name, or fetching fails.
    """
    if name not in WEIGHTS:
        raise VadbenchError(
            f"there are no published weights of {name!r}{nearest(name, list(WEIGHTS))}"
        )
    entry = WEIGHTS[name]
    sources = entry.sources()
    for file, (url, sha256) in sources.items():
        download(url, weights_root() / file, sha256, progress)
    found = weights_root() / entry.file
    return found if len(sources) == 1 else found.parent


def find_weights(name: str, path: str | None, key: str) -> Path:
    """Returns the file of a network's weights.

    Args:
        name: Name of the network, a key of `WEIGHTS` if its weights are published.
        path: The user's own file, or None for the published one.
        key: Where the configuration names it, for the message.

    Raises:
        MissingWeightsError: It is not there; the message says what to do.
    """
    if path is None:
        return _published(name, key)[-1]
    if not Path(path).is_file():
        raise MissingWeightsError([f"{key}: {path}: no such file"])
    return Path(path)


def find_folder(name: str, path: str | None, key: str) -> list[Path]:
    """Returns the files of a model that is a folder of several, its weights last.

    Args:
        name: Name of the model, a key of `WEIGHTS`.
        path: The user's own folder, with files of the same names, or None for the published one.
        key: Where the configuration names it, for the message.

    Raises:
        MissingWeightsError: Some are not there; the message says what to do.
    """
    if path is None:
        return _published(name, key)
    files = [Path(path) / PurePosixPath(file).name for file in WEIGHTS[name].sources()]
    if missing := [item for item in files if not item.is_file()]:
        pickles = ", ".join(sorted(item.name for item in Path(path).glob("*.bin")))
        hint = f"; {pickles} is a pickle, which is not read: save the model as safetensors"
        raise MissingWeightsError(
            [f"{key}: {item}: no such file{hint if pickles else ''}" for item in missing]
        )
    return files


def _published(name: str, key: str) -> list[Path]:
    if name not in WEIGHTS:
        raise MissingWeightsError(
            [
                f"{key}: there are no published weights of {name!r}; name a file of your own"
                f"{nearest(name, list(WEIGHTS))}"
            ]
        )
    files = [weights_root() / file for file in WEIGHTS[name].sources()]
    if missing := [item for item in files if not item.is_file()]:
        raise MissingWeightsError(
            [f"{key}: the weights {item} are not there" for item in missing], [name]
        )
    return files


def verify_weights(path: Path) -> None:
    """Checks a file of weights against its published digest and the one recorded when it came.

    Raises:
        VadbenchError: It is another file.
    """
    published = {
        weights_root() / file: sha256
        for entry in WEIGHTS.values()
        for file, (_, sha256) in entry.sources().items()
    }
    state = path.stat()
    # Of most files only the first digits are published, and all of them recorded.
    for expected in filter(None, (published.get(path), recorded_digest(path))):
        algorithm, digits = read_digest(expected)
        if not _digest(path, algorithm, state.st_size, state.st_mtime_ns).startswith(digits):
            raise VadbenchError(
                f"{path} is not the file that was published or fetched (its {algorithm} does not "
                f"begin with {digits}); move it away and fetch it again"
            )


@cache
def _digest(path: Path, algorithm: str, size: int, changed: int) -> str:
    """Returns the digest of a file in a certain state, which many jobs of one plan ask for."""
    return digest_of(path, algorithm)


def collect_missing(lookups: Sequence[Callable[[], object]]) -> None:
    """Looks for all weights before it complains of any.

    Raises:
        MissingWeightsError: Names all that are missing, with one command that fetches them.
    """
    lines: list[str] = []
    names: list[str] = []
    for look in lookups:
        try:
            look()
        except MissingWeightsError as error:
            lines += error.lines
            names += error.names
    if lines:
        raise MissingWeightsError(lines, names)
