"""Protocols: how raw scores become one score per frame, and these become an AUC.

The same raw scores give AUCs that differ by many points under different published protocols, so
a protocol is named data and every number names its own.
"""

import re
from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import Field, model_validator

from vadbench.settings import Settings

__all__ = ["PROTOCOLS", "Protocol", "Smoothing", "protocol_name", "refuse_published"]


class Smoothing(Settings):
    """A filter over the frame scores of a clip."""

    kind: Literal["none", "median", "gaussian", "savgol"] = Field(
        "none", description="filter: scipy's medfilt, gaussian_filter1d or savgol_filter"
    )
    width: int = Field(17, ge=3, description="window of median and Savitzky-Golay, frames, odd")
    sigma: float = Field(3.0, gt=0, description="deviation of the Gaussian, frames")
    sigma_by_dataset: dict[str, float] = Field(
        default_factory=dict,
        description="deviation on data sets that have another, by their name in the literature",
    )
    order: int = Field(1, ge=0, description="order of the Savitzky-Golay polynomial")
    padding: Literal["zero", "nearest", "reflect"] = Field(
        "zero", description="what lies beyond the ends of a clip; scipy.signal.medfilt has zeros"
    )
    before_drop: bool = Field(
        False, description="smooth before frames are dropped instead of after"
    )
    before_fusion: bool = Field(
        False,
        description="smooth each component's frame scores, before they are fused and frames are "
        "dropped",
    )

    @model_validator(mode="after")
    def _odd(self) -> "Smoothing":
        if self.width % 2 == 0:
            raise ValueError("width must be odd")
        return self

    @property
    def sees_dropped(self) -> bool:
        """Whether frames that are dropped have a part in the scores of their neighbours."""
        return self.kind != "none" and (self.before_drop or self.before_fusion)


class Protocol(Settings):
    """One way to evaluate raw scores."""

    drop_first: int = Field(0, ge=0, description="frames dropped at the start of each clip")
    drop_last: int = Field(0, ge=0, description="frames dropped at the end of each clip")
    fill_first: int = Field(
        0, ge=0, description="frames at the start of each clip that copy the score of the next"
    )
    psnr: bool = Field(
        False,
        description="take squared errors as peak signal-to-noise ratios, 10 log10 of the error, "
        "before they are normalised; other scores stay as they are",
    )
    squared_errors: list[str] | None = Field(
        None, description="components that are squared errors; null: those that the method names"
    )
    normalise: Literal["none", "train_z", "train_minmax", "clip_minmax", "test_minmax"] = Field(
        "none",
        description="train_z: mean and population deviation of each component over all training "
        "objects (or frames); train_minmax: likewise to 0..1; clip_minmax: of each component's "
        "frame scores within each test clip, over the frames that are kept; test_minmax: of all "
        "test clips together",
    )
    fusion: Literal["weighted_sum", "max"] = Field(
        "weighted_sum",
        description="components of an object (or frame), times their weights: sum, or maximum of "
        "those that have one",
    )
    weights: dict[str, float] | None = Field(
        None, description="weight of each component; null: the method's own for the data set"
    )
    shares: list[float] | None = Field(
        None,
        description="weights by position, squared errors first, of methods with so many "
        "components; others keep their own",
    )
    empty_frame: Literal["zero_error", "lowest", "nearest"] = Field(
        "zero_error",
        description="a frame without objects scores as one whose raw components are 0, as "
        "HF2-VAD's code has it; as the lowest object of its clip; or as the nearest frame of its "
        "clip that has one, of two the earlier",
    )
    smoothing: Smoothing = Field(default_factory=Smoothing, description="filter over frame scores")
    one_class_clips: Literal["skip", "pad"] = Field(
        "skip",
        description="in the macro AUC: leave out clips of one class, or, as AI-VAD does, give "
        "every clip one more normal frame of score 0 and one more abnormal frame of infinite score",
    )
    pooling: Literal["micro", "macro", "both"] = Field(
        "micro",
        description="the AUC that the source reports: over the frames of all clips, or the mean of "
        "the clips' own; both are always computed",
    )

    @model_validator(mode="after")
    def _decibels(self) -> "Protocol":
        if self.psnr and self.normalise != "clip_minmax":
            # A clip without error has an endless one, which has a place within a clip only.
            raise ValueError("psnr goes with normalise: clip_minmax")
        return self

    def alone(self) -> "Protocol":
        """Returns what the protocol is for a single score, which has none to be fused with."""
        changed = {"weights": None, "shares": None, "fusion": "weighted_sum"}
        return self.model_copy(update=changed)

    @property
    def measured(self) -> str:
        """What the protocol does to scores; protocols of which it is the same give one number."""
        return self.model_dump_json(exclude={"pooling"})

    @property
    def headline(self) -> str:
        """Name of the metric that the source reports first."""
        return "auc_macro" if self.pooling == "macro" else "auc_micro"

    def words(self) -> str:
        """Returns what the protocol does to scores, in order, in words."""
        smoothing = self.smoothing
        filters = {
            "median": f"median of {smoothing.width} frames",
            "gaussian": f"Gaussian of {smoothing.sigma:g} frames"
            + "".join(f" ({name}: {s:g})" for name, s in smoothing.sigma_by_dataset.items()),
            "savgol": f"Savitzky-Golay of {smoothing.width} frames, order {smoothing.order}",
        }
        edges = {"zero": "zeros", "nearest": "the last score", "reflect": "mirrored scores"}
        smooth = ""
        if smoothing.kind != "none":
            smooth = f"{filters[smoothing.kind]} with {edges[smoothing.padding]} beyond the ends"
        normalise = {
            "none": "",
            "train_z": "z by training scores",
            "train_minmax": "0 to 1 by training scores",
            "clip_minmax": "0 to 1 within each clip",
            "test_minmax": "0 to 1 within all test clips",
        }
        shares = " and ".join(f"{share:g}" for share in self.shares or ())
        drop = ""
        if self.drop_first or self.drop_last:
            last = f" and last {self.drop_last}" if self.drop_last else ""
            drop = f"first {self.drop_first}{last} frames dropped"
        steps = [
            "squared errors as PSNR" if self.psnr else "",
            normalise[self.normalise],
            f"each component: {smooth}" if smooth and smoothing.before_fusion else "",
            "highest component" if self.fusion == "max" else "",
            f"two components with {shares}" if shares else "",
            f"first {self.fill_first} frames copy the next" if self.fill_first else "",
            smooth if smoothing.before_drop and not smoothing.before_fusion else "",
            drop,
            "" if smoothing.sees_dropped else smooth,
            {"micro": "micro AUC", "macro": "macro AUC", "both": "micro and macro AUC"}[
                self.pooling
            ]
            + (", clips padded" if self.one_class_clips == "pad" else ""),
        ]
        return "; ".join(filter(None, steps))

    def resolved(self, dataset: str, squared_errors: Iterable[str] = ()) -> "Protocol":
        """Returns what the protocol is for a data set and a method.

        Args:
            dataset: The data set's name in the literature, such as `ped2`.
            squared_errors: Components of the method that are squared errors.
        """
        known = self.smoothing.sigma_by_dataset
        changed = {"sigma": known.get(dataset, self.smoothing.sigma), "sigma_by_dataset": {}}
        errors = sorted(squared_errors) if self.squared_errors is None else self.squared_errors
        return self.model_copy(
            update={
                "smoothing": self.smoothing.model_copy(update=changed),
                # Where nothing asks for them a method's choice of words is no reason to rerun.
                "squared_errors": errors if self.psnr or self.shares else [],
            }
        )


_MEDIAN = Smoothing(kind="median", width=17, padding="zero")
_SAVGOL = Smoothing(kind="savgol", width=41, order=1, padding="nearest")
_HF2VAD = Protocol(drop_first=4, normalise="train_z", smoothing=_MEDIAN)
_EITHER = Protocol(normalise="train_z", fusion="max", smoothing=_SAVGOL)
_EITHER_SMOOTHED = Protocol(
    normalise="train_z",
    fusion="max",
    smoothing=_SAVGOL.model_copy(update={"before_fusion": True}),
)
_SSMTL = Protocol(
    normalise="train_minmax",
    smoothing=Smoothing(kind="gaussian", sigma=3.0, padding="reflect"),
    one_class_clips="pad",
    pooling="macro",
)

PROTOCOLS: dict[str, Protocol] = {
    "hf2vad": _HF2VAD,
    "amsrc": _HF2VAD,
    "vec": Protocol(normalise="train_z"),
    "future_frame": Protocol(drop_first=4, psnr=True, normalise="clip_minmax"),
    "mnad": Protocol(drop_first=4, psnr=True, normalise="clip_minmax", shares=[0.6, 0.4]),
    "memae": Protocol(drop_first=8, drop_last=7, normalise="clip_minmax"),
    "ai_vad": Protocol(
        normalise="train_minmax",
        smoothing=Smoothing(
            kind="gaussian", sigma=3.0, sigma_by_dataset={"shanghaitech": 7.0}, padding="reflect"
        ),
        one_class_clips="pad",
        pooling="both",
    ),
    "ssmtl": _SSMTL,
    "aed": _SSMTL,
    "flow_duality": Protocol(fill_first=1, psnr=True, normalise="clip_minmax"),
    "object_class_aware": _EITHER,
    "multitask_attention": _EITHER_SMOOTHED,
    "either_branch": _EITHER,
    "either_branch_smoothed_apart": _EITHER_SMOOTHED,
    "either_branch_unsmoothed": Protocol(normalise="train_z", fusion="max"),
    "either_branch_sum": Protocol(normalise="train_z", smoothing=_SAVGOL),
    "either_branch_clip_minmax": Protocol(normalise="clip_minmax", fusion="max", smoothing=_SAVGOL),
    "median17": Protocol(drop_first=4, smoothing=_MEDIAN),
    "drop4": Protocol(drop_first=4),
    "raw": Protocol(),
}
"""Named protocols; docs/protocols.md says where each comes from and what it does to scores.

- `hf2vad`, `amsrc`: z-scores by training statistics, maximum over objects, first four frames
  dropped, then a median of 17 frames with zeros beyond the ends of each clip.
- `vec`: the same z-scores and maximum, nothing dropped, no smoothing.
- `future_frame`: first four frames dropped, PSNR scaled to 0 to 1 within each clip.
- `mnad`: likewise of two terms, PSNR with weight 0.6 and feature distance with 0.4.
- `memae`: first eight and last seven frames dropped, errors scaled to 0 to 1 within each clip.
- `ai_vad`: scaled to 0 to 1 by training scores, Gaussian of 3 frames (ShanghaiTech: 7); micro
  AUC, and macro AUC with padded clips.
- `ssmtl`, `aed`: scaled to 0 to 1 by training scores, as the sources' own scores are, a Gaussian
  over time; macro AUC with padded clips.
- `flow_duality`: PSNR scaled to 0 to 1 within each clip, the first frame copies the second.
- `object_class_aware`, `either_branch`: each branch normalised by its training scores, the higher
  one of the two, then Savitzky-Golay of 41 frames and order 1; a frame is abnormal if either
  branch passes one threshold. `multitask_attention`, `either_branch_smoothed_apart`: the same
  filter over the scores of each branch (Eq. 5). `either_branch_unsmoothed` without the
  filter (Table III of object_class_aware), `either_branch_sum` with the sum of the branches,
  `either_branch_clip_minmax` with branches scaled to 0 to 1 within each clip.
- `median17`: `hf2vad` without normalisation, for single untrained scores. The zeros beyond the
  ends lie elsewhere in the range of the scores then: docs/protocols.md says how much that is.
- `drop4`: only the first four frames dropped.
- `raw`: no alignment, normalisation or smoothing.
"""

_ALIASES = {"future_frame_prediction": "future_frame", "hf2_vad": "hf2vad", "aivad": "ai_vad"}


def protocol_name(written: str, known: Collection[str]) -> str:
    """Returns the name that somebody means who writes it as the literature does.

    `AI-VAD` is `ai_vad`, `future-frame prediction` is `future_frame`. What is not known comes back
    as it was.
    """
    if written in known:
        return written
    plain = re.sub(r"[^a-z0-9]+", "_", written.lower()).strip("_")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in known else written


def refuse_published(own: dict[str, Protocol]) -> dict[str, Protocol]:
    """Returns protocols of one's own, none of which redefines a published one.

    Raises:
        ValueError: A name is that of a published protocol, however it is written.
    """
    for name in own:
        meant = protocol_name(name, PROTOCOLS)
        if meant in PROTOCOLS:
            raise ValueError(f"{name!r} is the published protocol {meant!r}; choose another name")
    return own
