"""Settings of a flow artefact."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from vadbench.methods import nearest
from vadbench.settings import Settings
from vadbench.teachers.flow.published import CHECKPOINTS

__all__ = ["FarnebackSettings", "FlowSettings", "NetworkSettings"]

Side = Annotated[int, Field(ge=1)]
_BACKENDS = ["farneback", "dis", *CHECKPOINTS]


def _known(backend: str) -> str:
    if backend not in _BACKENDS:
        raise ValueError(f"{backend!r} is not possible{nearest(backend, _BACKENDS)}")
    return backend


class FarnebackSettings(Settings):
    """Parameters of Farneback's polynomial expansion, named as in OpenCV."""

    pyr_scale: float = Field(0.5, gt=0, lt=1, description="scale between pyramid levels")
    levels: int = Field(3, ge=1, description="pyramid levels, the frame included")
    winsize: int = Field(15, ge=3, description="averaging window, pixels")
    iterations: int = Field(3, ge=1, description="iterations at each level")
    poly_n: int = Field(5, ge=3, description="neighbourhood of the expansion, pixels")
    poly_sigma: float = Field(1.2, gt=0, description="Gaussian of the expansion, pixels")


class NetworkSettings(Settings):
    """What a flow network is run with."""

    weights: str | None = Field(
        None,
        description="weights file (.ckpt as ptlflow publishes them, .pth or .safetensors); null: "
        "the published one, see vadbench fetch weights",
    )
    batch_size: int = Field(4, ge=1, description="pairs of frames at a time")


class FlowSettings(Settings):
    """One flow artefact."""

    backend: Annotated[
        str,
        AfterValidator(_known),
        WithJsonSchema({"type": "string", "enum": _BACKENDS}),
    ] = Field(
        "farneback",
        description="estimator: farneback or dis (OpenCV), or a network of ptlflow by its name "
        "there, such as flownet2, pwcnet, raft_small or raft",
    )
    working_size: tuple[Side, Side] | None = Field(
        None,
        description="width and height at which flow is estimated; null: the frame's own "
        "(HF2-VAD: 1024 x 768, on ShanghaiTech 1024 x 640)",
    )
    units: Literal["native", "network"] | tuple[int, int] = Field(
        "native",
        description="magnitudes in pixels of the frame (native), of the working size (network: "
        "HF2-VAD does not scale them back), or of a frame of this width and height",
    )
    farneback: FarnebackSettings = Field(
        FarnebackSettings(), description="used by the farneback backend"
    )
    dis_preset: Literal["ultrafast", "fast", "medium"] = Field(
        "medium", description="used by the dis backend"
    )
    ptlflow: NetworkSettings = Field(NetworkSettings(), description="used by networks")

    def effective(self) -> dict[str, Any]:
        """Returns only what changes the result; a weights file is an input of the job."""
        own = {"farneback": "farneback", "dis": "dis_preset"}.get(self.backend)
        used = {"backend", "working_size", "units", own}
        return {key: value for key, value in self.plain().items() if key in used}
