"""What a method declares, and the registry that finds it.

A method is a folder: `paper.yaml` (the card), `method.py` (the declaration below, without torch),
networks and a README. It is registered by `@register` on its class and found through the entry
point group `vadbench.methods`, so other packages can bring their own.
"""

import difflib
import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import yaml
from pydantic import Field

from vadbench.errors import VadbenchError
from vadbench.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from vadbench.datasets import Clip
    from vadbench.scoring.choose import Chosen
    from vadbench.scoring.scores import Scores

__all__ = [
    "ApplyJob",
    "Budget",
    "Card",
    "ClipFrames",
    "ExplainJob",
    "Method",
    "PaperNumber",
    "Pretrained",
    "ScoreJob",
    "Scorer",
    "Speed",
    "TestSet",
    "TrainJob",
    "Variant",
    "get_method",
    "inputs_of",
    "merge",
    "method_names",
    "nearest",
    "register",
]

Budget = Literal["cpu-demo", "cpu", "paper"]
Scorer = Callable[["nn.Module", Sequence[str], Sequence[Path], Path | None], "Scores"]
"""Scores clips: the networks, clip names, their cubes or views, and outputs of a frozen stage."""


class PaperNumber(Settings):
    """One number that the paper reports."""

    dataset: str = Field(description="data set as vadbench names it")
    variant: str = Field(description="variant of the method that the number is for")
    metric: str = Field("auc_micro", description="metric as vadbench names it")
    value: float = Field(description="the number as printed; AUC in percent")
    table: str = Field(description="where the paper prints it")
    protocol: str | None = Field(None, description="protocol, where it is not the method's own")


class Choice(Settings):
    """A place where the paper is silent or differs from its code, and what was taken."""

    key: str = Field(description="settings key, or a name for the choice")
    taken: str = Field(description="the reading that is the default")
    instead_of: str = Field("", description="the other readings")
    source: str = Field(description="why: paper section, code, or reasoning")


class Speed(Settings):
    """A running time that the paper reports."""

    what: str = Field(description="what was timed")
    value: float = Field(gt=0, description="the number as printed")
    unit: Literal["s/frame", "frames/s"] = Field(description="its unit")
    hardware: str = Field(description="what it ran on")
    source: str = Field(description="where the paper says so")

    @property
    def frames_per_second(self) -> float:
        """The number as a speed."""
        return self.value if self.unit == "frames/s" else 1 / self.value


class Card(Settings):
    """A paper's card: what `paper.yaml` holds.

    Attributes:
        defaults: Settings by data set; `default` comes first, then the data set's own.
        budgets: Settings that a named budget changes (epochs and samples per epoch only).
    """

    title: str = Field(description="title of the paper")
    authors: list[str] = Field(description="authors in the paper's order")
    year: int = Field(description="year of publication")
    venue: str = Field(description="conference or journal")
    link: str = Field(description="where to read it")
    code: str = Field("", description="the authors' own code, if any")
    protocol: str = Field(description="the method's default protocol")
    defaults: dict[str, dict[str, Any]] = Field(description="settings by data set")
    budgets: dict[Budget, dict[str, Any]] = Field(description="settings by budget")
    results: list[PaperNumber] = Field(description="numbers in the paper's tables")
    speeds: list[Speed] = Field(default_factory=list, description="running times it reports")
    choices: list[Choice] = Field(description="open choices and what was taken")


@dataclass(frozen=True)
class Variant:
    """One row of an ablation table.

    Attributes:
        summary: What it is, in a line.
        stages: For each trained stage that it needs, in order of training, the variant that
            trains it; a stage of another variant is used, not trained again.
        overrides: Settings that differ from the method's defaults.
        objects: Source of the objects whose cubes it reads, where only one will do.
    """

    summary: str
    stages: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    objects: str = ""


@dataclass(frozen=True)
class Pretrained:
    """What the network of a stage starts from.

    Attributes:
        network: Name of the encoder, a key of `vadbench.weights.WEIGHTS`.
        weights: `imagenet` for the published ones, `none`, or the path of a safetensors file.
        key: The setting that says so.
    """

    network: str
    weights: str
    key: str


@dataclass(frozen=True)
class TestSet:
    """What choosing an epoch on the test set needs (`selection: best_test`).

    Attributes:
        clips: The test clips' names, in order.
        paths: Their cubes or views, in the same order.
        frozen: Outputs of the frozen stage on the test split, if the stage reads them.
        judge: Returns the AUC of training and test scores. Stages know nothing of labels and
            protocols, so that a change of these trains nothing again.
        about: All that `judge` depends on (JSON types): labels, protocol, weights, code.
    """

    __test__ = False
    clips: Sequence[str]
    paths: Sequence[Path]
    frozen: Path | None
    judge: Callable[["Scores", "Scores"], float]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainJob:
    """One stage to train.

    Attributes:
        weights: Weights of the stages before it, by stage name.
        cubes, views: The training clips' cubes or views, in clip order; what the method reads.
        output: Where the weights (`.safetensors`) go.
        work: Folder for checkpoints and logs; kept across restarts.
        frozen: Outputs of the frozen stage on the training split, if the stage reads them.
        pretrained: Weights that the network starts from, if it does not start from random ones.
        precision: "auto", "32" or "bf16".
        memory_gb: Most memory that training data may take, in all processes of the job
            together; but 2 GB are each one's.
        devices: GPUs to train on, or processes where there is no GPU.
        test: Given, the best epoch on the test set is kept beside the last.
        least_loss: Whether the epoch with the lowest training loss is kept beside the last.
        effective: The part of the settings that the result depends on, stored as provenance.
        code: Code fingerprint, stored as provenance.
    """

    dataset: str
    method: str
    variant: str
    stage: str
    settings: Settings
    seed: int
    weights: Mapping[str, Path]
    cubes: Sequence[Path]
    output: Path
    work: Path
    views: Sequence[Path] = ()
    precision: str = "auto"
    memory_gb: float = 4.0
    threads: int = 1
    devices: int = 1
    frozen: Path | None = None
    pretrained: Path | None = None
    test: TestSet | None = None
    least_loss: bool = False
    effective: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True)
class ApplyJob:
    """A frozen stage to apply to a split; writes its outputs to `output`.

    Attributes:
        weights: Weights of the stage and of those before it, by stage name.
        cubes, views: The split's cubes or views, in clip order; what the method reads.
        effective: The part of the settings that the result depends on, stored as provenance.
        code: Code fingerprint, stored as provenance.
    """

    dataset: str
    method: str
    variant: str
    stage: str
    split: str
    settings: Settings
    seed: int
    weights: Mapping[str, Path]
    cubes: Sequence[Path]
    output: Path
    views: Sequence[Path] = ()
    precision: str = "auto"
    threads: int = 1
    effective: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True)
class ClipFrames:
    """A clip to score: its name, its number of frames, and how to open its raw frames."""

    name: str
    n_frames: int
    open: Callable[[], "Clip"]


@dataclass(frozen=True)
class ScoreJob:
    """One split to score; writes a `scores` artefact to `output`.

    Attributes:
        clips: The clips of the split, in order.
        cubes, views: Their cubes or views, in the same order; what the method reads.
        weights: Weights of all stages of the variant, by stage name.
        frozen: Outputs of the frozen stage on the split, if scoring reads them.
    """

    dataset: str
    method: str
    variant: str
    split: str
    settings: Settings
    seed: int
    weights: Mapping[str, Path]
    clips: Sequence[ClipFrames]
    cubes: Sequence[Path]
    output: Path
    views: Sequence[Path] = ()
    precision: str = "auto"
    memory_gb: float = 4.0
    threads: int = 1
    frozen: Path | None = None
    effective: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True)
class ExplainJob:
    """Frames of a split to picture; writes a `panels` artefact, or `maps`, or both.

    Attributes:
        weights: Weights of all stages of the variant, by stage name.
        cubes, views: The split's cubes or views, in clip order; what the method reads.
        chosen: The frames, and the objects in them.
        scores: Files that these were chosen by, for provenance.
        panels: Where the pictures of the chosen frames go, if they are asked for.
        maps: Where the anomaly map of every frame goes, if it is asked for.
        size: Longest side of a stored picture, pixels.
        frozen: Outputs of the frozen stage on the split, if the method reads them.
    """

    dataset: str
    method: str
    variant: str
    split: str
    settings: Settings
    seed: int
    weights: Mapping[str, Path]
    cubes: Sequence[Path]
    views: Sequence[Path]
    chosen: "Chosen"
    scores: Sequence[Path]
    panels: Path | None = None
    maps: Path | None = None
    size: int = 128
    precision: str = "auto"
    threads: int = 1
    frozen: Path | None = None
    effective: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


def inputs_of(job: TrainJob | ApplyJob | ScoreJob | ExplainJob) -> list[Path]:
    """Returns every file that a job's result is computed from."""
    frozen = None if isinstance(job, ApplyJob) else job.frozen
    pretrained = job.pretrained if isinstance(job, TrainJob) else None
    return [
        *job.weights.values(),
        *job.cubes,
        *job.views,
        *(path for path in (frozen, pretrained) if path is not None),
    ]


class Method(ABC):
    """Declaration of a method; importing it must not import torch.

    Class attributes:
        name: Name in the configuration and in result paths.
        settings_model: Model of its settings.
        train_code, apply_code, score_code, explain_code: Modules that compute the weights, the
            outputs of frozen stages, the scores and the pictures, for the code fingerprint; their
            imports inside the package count too. A method without explain_code has no pictures.
        reads: Whether it learns from cubes of objects or from views, whole frames.
        squared_errors: Components that are squared errors, of which a PSNR can be taken.
        seeded: Whether the result depends on the seed; if not, one seed is run.
    """

    name: ClassVar[str]
    settings_model: ClassVar[type[Settings]]
    train_code: ClassVar[tuple[str, ...]] = ()
    apply_code: ClassVar[tuple[str, ...]] = ()
    score_code: ClassVar[tuple[str, ...]] = ()
    explain_code: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[Literal["cubes", "views"]] = "cubes"
    squared_errors: ClassVar[frozenset[str]] = frozenset()
    seeded: ClassVar[bool] = True

    @cached_property
    def folder(self) -> Path:
        """The method's folder."""
        return Path(inspect.getfile(type(self))).parent

    @cached_property
    def card(self) -> Card:
        """The paper's card."""
        path = self.folder / "paper.yaml"
        return Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))

    @property
    @abstractmethod
    def variants(self) -> Mapping[str, Variant]:
        """Every variant by name; the first is the method itself."""

    def settings(
        self, dataset: str, variant: str, budget: Budget, overrides: Mapping[str, Any] | None = None
    ) -> Settings:
        """Resolves settings: defaults, data set, budget, variant, then the user's own.

        Args:
            dataset: The data set's name in the literature, such as `ped2`.
            variant: A key of `variants`.
            budget: Named training budget.
            overrides: The user's settings from config.yaml.
        """
        merged: dict[str, Any] = {}
        for layer in (
            self.card.defaults.get("default", {}),
            self.card.defaults.get(dataset, {}),
            self.card.budgets.get(budget, {}),
            self.variants[variant].overrides,
            overrides or {},
        ):
            merged = merge(merged, layer)
        return self.settings_model.model_validate(merged)

    def stage_settings(self, settings: Settings, stage: str) -> dict[str, Any]:
        """Returns the part of the settings that the weights of a stage depend on."""
        raise NotImplementedError(f"{self.name} trains no stage {stage!r}")

    def pretrained(self, settings: Settings, stage: str) -> Pretrained | None:
        """Returns what the network of a stage starts from, if it can start from known weights."""
        return None

    def before(self, variant: str, stage: str) -> list[str]:
        """Returns the stages whose weights training a stage needs, in order.

        By default all before it; stages that need none of each other are trained in parallel.
        """
        stages = list(self.variants[variant].stages)
        return stages[: stages.index(stage)]

    def frozen(self, variant: str, stage: str | None) -> str | None:
        """Returns the stage whose outputs training `stage`, or scoring (None), reads from a file.

        That stage is trained no further there, so what it makes of a split is computed once.
        """
        return None

    @abstractmethod
    def score_settings(self, settings: Settings) -> dict[str, Any]:
        """Returns the part of the settings that raw scores depend on beside the weights."""

    def fusion_weights(self, settings: Settings, variant: str) -> dict[str, float]:
        """Returns the weight of each component in the variant's own fused score."""
        return {}

    def train(self, job: TrainJob) -> None:
        """Trains one stage and writes its weights."""
        raise NotImplementedError(f"{self.name} trains no stage {job.stage!r}")

    def apply(self, job: ApplyJob) -> None:
        """Computes what a frozen stage makes of a split."""
        raise NotImplementedError(f"{self.name} has no frozen stage {job.stage!r}")

    @abstractmethod
    def score(self, job: ScoreJob) -> None:
        """Computes raw component scores of a split."""

    def scorer(self, job: TrainJob) -> Scorer:
        """Returns what scores clips with a stage's networks between epochs.

        Training asks for it where the best epoch on the test set is kept, too. It belongs to
        `score_code`, which the modules that train must not import: then what is edited there
        trains nothing again.
        """
        raise NotImplementedError(f"{self.name} has no scorer")

    def explain(self, job: ExplainJob) -> None:
        """Pictures what the networks see in chosen frames."""
        raise NotImplementedError(f"{self.name} has no pictures")


_REGISTRY: dict[str, Method] = {}


def register(method: type[Method]) -> type[Method]:
    """Class decorator that makes a method known by its name."""
    known = _REGISTRY.get(method.name)
    if known is not None and type(known).__module__ != method.__module__:
        raise VadbenchError(
            f"two methods are named {method.name!r}: {type(known).__module__} and "
            f"{method.__module__}; rename one"
        )
    _REGISTRY[method.name] = method()
    return method


@cache
def _entries() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group="vadbench.methods")}


def method_names() -> list[str]:
    """Names of all installed methods, without importing them."""
    return sorted(_entries().keys() | _REGISTRY.keys())


def get_method(name: str) -> Method:
    """Returns a method by name.

    Raises:
        VadbenchError: There is none; the message names the nearest.
    """
    if name not in _REGISTRY and name in _entries():
        importlib.import_module(_entries()[name].partition(":")[0])
    if name not in _REGISTRY:
        raise VadbenchError(f"there is no method {name!r}{nearest(name, method_names())}")
    return _REGISTRY[name]


def nearest(name: str, names: Sequence[str]) -> str:
    """Returns "; did you mean 'x'?" or the list of what there is."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is: {', '.join(names)}" if names else ""


def merge(base: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values with those of a layer over them, key by key at any depth."""
    merged = dict(base)
    for key, value in layer.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
