"""Protocols: how raw scores become one score per frame, and these become an AUC.

The same raw scores give AUCs that differ by many points under different published protocols, so
a protocol is named data and every number names its own.
"""

from typing import Literal

from pydantic import Field, model_validator

from vadbench.settings import Settings

__all__ = ["PROTOCOLS", "Protocol", "Smoothing"]


class Smoothing(Settings):
    """A filter over the frame scores of a clip."""

    kind: Literal["none", "median", "gaussian", "savgol"] = Field(
        "none", description="filter: scipy's medfilt, gaussian_filter1d or savgol_filter"
    )
    width: int = Field(17, ge=3, description="window of median and Savitzky-Golay, frames, odd")
    sigma: float = Field(3.0, gt=0, description="deviation of the Gaussian, frames")
    order: int = Field(1, ge=0, description="order of the Savitzky-Golay polynomial")
    padding: Literal["zero", "nearest", "reflect"] = Field(
        "zero", description="what lies beyond the ends of a clip; scipy.signal.medfilt has zeros"
    )
    before_drop: bool = Field(
        False, description="smooth before frames are dropped instead of after"
    )

    @model_validator(mode="after")
    def _odd(self) -> "Smoothing":
        if self.width % 2 == 0:
            raise ValueError("width must be odd")
        return self


class Protocol(Settings):
    """One way to evaluate raw scores."""

    drop_first: int = Field(0, ge=0, description="frames dropped at the start of each clip")
    drop_last: int = Field(0, ge=0, description="frames dropped at the end of each clip")
    normalise: Literal["none", "train_z", "train_minmax", "clip_minmax"] = Field(
        "none",
        description="train_z: mean and population deviation of each component over all training "
        "objects (or frames); train_minmax: likewise to 0..1; clip_minmax: of each component's "
        "frame scores within each test clip",
    )
    fusion: Literal["weighted_sum", "max"] = Field(
        "weighted_sum",
        description="components of an object (or frame): sum with weights, or maximum",
    )
    weights: dict[str, float] | None = Field(
        None, description="weight of each component; null: the method's own for the data set"
    )
    empty_frame: Literal["zero_error", "lowest"] = Field(
        "zero_error",
        description="a frame without objects scores as one whose raw components are 0, as "
        "HF2-VAD's code has it, or as the lowest object of its clip",
    )
    smoothing: Smoothing = Field(default_factory=Smoothing, description="filter over frame scores")
    one_class_clips: Literal["skip", "pad"] = Field(
        "skip",
        description="in the macro AUC: leave out clips of one class, or, as AI-VAD does, give "
        "every clip one more normal frame of lowest and one more abnormal frame of highest score",
    )


_MEDIAN = Smoothing(kind="median", width=17, padding="zero")

PROTOCOLS: dict[str, Protocol] = {
    "hf2vad": Protocol(drop_first=4, normalise="train_z", smoothing=_MEDIAN),
    "median17": Protocol(drop_first=4, smoothing=_MEDIAN),
    "drop4": Protocol(drop_first=4),
    "flow_duality": Protocol(normalise="clip_minmax"),
    "either_branch": Protocol(
        normalise="train_z",
        fusion="max",
        smoothing=Smoothing(kind="savgol", width=41, order=1, padding="nearest"),
    ),
    "either_branch_unsmoothed": Protocol(normalise="train_z", fusion="max"),
    "raw": Protocol(),
}
"""Named protocols.

- `hf2vad`: HF2-VAD and AMSRC: z-scores by training statistics, maximum over objects, first four
  frames dropped, then a median of 17 frames with zeros beyond the ends of each clip.
- `median17`: the same without normalisation, for single untrained scores. The zeros beyond the
  ends lie elsewhere in the range of the scores then, which moves an AUC by up to half a point.
- `drop4`: only the first four frames dropped.
- `flow_duality`: scores scaled to 0 to 1 within each clip, no frame dropped, no smoothing.
- `either_branch`: object_class_aware and multitask_attention: each branch normalised by its
  training scores, the higher one of the two, then Savitzky-Golay of 41 frames and order 1; a
  frame is abnormal if either branch passes one threshold. `either_branch_unsmoothed` without the
  filter (Table III of object_class_aware).
- `raw`: no alignment, normalisation or smoothing.
"""
