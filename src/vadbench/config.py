"""The configuration: pydantic models of `config.yaml`, checked before the workflow is planned.

Teacher, object, cube and view artefacts are named entries, so two settings of one estimator can
stand side by side. A method reads cubes or views by name; everything they need follows from there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from vadbench.datasets.sections import (
    SECTIONS,
    AvenueSection,
    DigitsSection,
    FolderSection,
    ShanghaiTechSection,
    UCFCrimeSection,
    UCSDSection,
    WalkwaySection,
)
from vadbench.errors import VadbenchError
from vadbench.methods import Budget, Card, get_method, merge, method_names, nearest
from vadbench.objects.settings import CubesSettings, ObjectsSettings, ViewsSettings
from vadbench.scoring.protocol import PROTOCOLS, Protocol, protocol_name, refuse_published
from vadbench.settings import Settings
from vadbench.teachers.depth.settings import DepthSettings
from vadbench.teachers.flow.settings import FlowSettings
from vadbench.teachers.segmentation.settings import SegmentationSettings

__all__ = ["Config", "DatasetSection", "load_config", "read_config_file"]

_BASE = Path("config.yaml")
_MOST_VALUES = 1_000_000
_TOO_DEEP = "lists in lists in lists: nested more deeply than any configuration is"
_RESERVED = frozenset({"README.md", "audit.json", "report", "tables", "timings"})
"""What lies in results/ beside data sets."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+.-]*$")]


DatasetSection = Annotated[
    AvenueSection
    | DigitsSection
    | FolderSection
    | ShanghaiTechSection
    | UCFCrimeSection
    | UCSDSection
    | WalkwaySection,
    Field(discriminator="family"),
]


class MethodSection(Settings):
    """Which variants of a method run, on which data sets, from which cubes or views."""

    variants: list[str] = Field(
        default_factory=list,
        description="variants to run; empty: the method itself only; name@other: what was trained "
        "on the data set other, tested on those of this section",
    )
    datasets: list[str] | None = Field(
        None, description="data sets to run on; null: all of the configuration"
    )
    cubes: str | dict[str, str] | None = Field(
        None,
        description="of a method on objects: name of the cubes artefact that it reads, or names "
        "by data set; a variant may have a name of its own",
    )
    views: str | dict[str, str] | None = Field(
        None,
        description="of a method on whole frames: name of the views artefact that it reads, or "
        "names by data set; a variant may have a name of its own",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="settings that differ from the paper's; see the method's README",
    )


class EvaluationSection(Settings):
    """How raw scores become numbers."""

    protocols: list[str] = Field(
        default_factory=lambda: ["hf2vad", "raw"],
        description="protocols of the benchmark's table, by name, beside each method's own; the "
        "table of protocols has all",
    )
    custom: Annotated[dict[Name, Protocol], AfterValidator(refuse_published)] = Field(
        default_factory=dict, description="your own protocols by name"
    )
    false_positive_rate: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="share of the normal training frames that may score above the threshold from "
        "which test frames become events",
    )
    event_gap: float = Field(
        1.0,
        ge=0,
        description="events of a clip that are no further apart than this are one, seconds",
    )


class PanelsSection(Settings):
    """Pictures of what methods saw, expected and missed."""

    frames: int = Field(
        3,
        ge=0,
        description="how many of the highest-scoring test frames of a run are pictured, and how "
        "many of the lowest; 0: none",
    )
    size: int = Field(128, ge=16, description="longest side of a stored picture, pixels")
    maps: bool = Field(
        False,
        description="whether methods on whole frames store the anomaly map of every test frame",
    )


def _as_text(value: Any) -> Any:
    """Unquoted, 32 is a number in YAML."""
    return str(value) if isinstance(value, int) else value


class Config(Settings):
    """The whole of config.yaml."""

    datasets: dict[Name, DatasetSection] = Field(min_length=1, description="data sets by name")
    segmentation: dict[Name, SegmentationSettings] = Field(
        default_factory=dict, description="segmentation artefacts by name"
    )
    flow: dict[Name, FlowSettings] = Field(
        default_factory=dict, description="optical-flow artefacts by name"
    )
    depth: dict[Name, DepthSettings] = Field(
        default_factory=dict, description="depth artefacts by name"
    )
    objects: dict[Name, ObjectsSettings] = Field(
        default_factory=dict, description="object-box artefacts by name"
    )
    cubes: dict[Name, CubesSettings] = Field(
        default_factory=dict, description="cube artefacts by name"
    )
    views: dict[Name, ViewsSettings] = Field(
        default_factory=dict, description="whole-frame artefacts by name"
    )
    methods: dict[str, MethodSection] = Field(min_length=1, description="methods by name")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: [0], min_length=1, description="seeds to train with"
    )
    budget: Budget = Field(
        "cpu-demo",
        description="training length: cpu-demo (minutes), cpu (an hour), paper (the paper's own)",
    )
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(_as_text)] = Field(
        "auto",
        description="auto: bfloat16 where processor or GPU has it, 32-bit otherwise",
    )
    selection: Literal["last", "train_loss", "best_test"] = Field(
        "last",
        description="last: the last epoch is the result; train_loss: in addition keep the epoch "
        "with the lowest training loss; best_test: in addition keep the epoch with the best test "
        "AUC, as many papers do, marked as chosen on test labels",
    )
    memory_gb: float = Field(
        4.0,
        ge=2,
        description="most memory that training data may take, GB; more is streamed, in the same "
        "order",
    )
    evaluation: EvaluationSection = Field(
        default_factory=EvaluationSection, description="protocols"
    )
    panels: PanelsSection = Field(
        default_factory=PanelsSection, description="pictures of frames, and maps"
    )

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        wrong = list(self._wrong_names())
        for name, section in self.methods.items():
            wrong += self._wrong_method(name, section)
        if wrong:
            raise VadbenchError("\n".join(dict.fromkeys(wrong)))
        return self

    def _wrong_names(self) -> Iterator[str]:
        for name in self.datasets:
            if name in _RESERVED:
                yield f"datasets.{name}: results/{name} is something else; take another name"
        for section, entries, field, known in (
            ("objects", self.objects, "segmentation", self.segmentation),
            ("cubes", self.cubes, "objects", self.objects),
            ("cubes", self.cubes, "flow", self.flow),
            ("views", self.views, "flow", self.flow),
            ("views", self.views, "segmentation", self.segmentation),
            ("views", self.views, "depth", self.depth),
        ):
            for name, entry in entries.items():
                wanted = getattr(entry, field)
                if wanted is not None:
                    yield from _unknown(wanted, known, f"{section}.{name}.{field}", field)
        for name, objects in self.objects.items():
            yield from self._lost_instances(name, objects)
        protocols = self.all_protocols()
        for name in self.evaluation.protocols:
            found = protocol_name(name, protocols)
            yield from _unknown(found, protocols, "evaluation.protocols", "protocol")

    def _lost_instances(self, name: str, objects: ObjectsSettings) -> Iterator[str]:
        """A confidence below that of the instances there are, which would change nothing."""
        source = self.segmentation.get(objects.segmentation or "")
        if objects.source not in {"instances", "union"} or source is None:
            return
        least = source.maskrcnn.score_threshold if source.backend == "maskrcnn" else 0.0
        if objects.confidence < least:
            yield (
                f"objects.{name}.confidence: {objects.confidence:g} is below "
                f"segmentation.{objects.segmentation}.maskrcnn.score_threshold, {least:g}, which "
                "drops instances before; lower that one too"
            )

    def _wrong_method(self, name: str, section: MethodSection) -> Iterator[str]:
        if name not in method_names():
            yield from _unknown(name, method_names(), "methods", "method")
            return
        method, key = get_method(name), f"methods.{name}"
        bases, used = [], list(section.datasets or self.datasets)
        for variant in section.variants or list(method.variants)[:1]:
            base, at, source = variant.partition("@")
            bases.append(base)
            yield from _unknown(base, method.variants, f"{key}.variants", "variant")
            if at:
                yield from _unknown(source, self.datasets, f"{key}.variants", "data set")
                used.append(source)
        for dataset in section.datasets or ():
            yield from _unknown(dataset, self.datasets, f"{key}.datasets", "data set")
        if wrong := list(self._wrong_keys(name, section)):
            yield from wrong
            return
        for dataset in dict.fromkeys(item for item in used if item in self.datasets):
            for variant in dict.fromkeys(item for item in bases if item in method.variants):
                yield from self._wrong_input(name, dataset, variant)
                try:
                    method.settings(
                        self.datasets[dataset].paper_name, variant, self.budget, section.settings
                    )
                except ValidationError as error:
                    yield explain(error, method.settings_model, f"{key}.settings")

    def _wrong_keys(self, name: str, section: MethodSection) -> Iterator[str]:
        """Of what a method reads: the other kind, and names of no data set, variant or artefact."""
        method, key = get_method(name), f"methods.{name}"
        kind = method.reads
        other = "views" if kind == "cubes" else "cubes"
        if getattr(section, other) is not None:
            yield f"{key}.{other}: the method reads {kind}; name some with the key {kind!r} instead"
            return
        names = getattr(section, kind)
        if names is None:
            yield f"{key}: reads {kind}; name some with the key {kind!r}"
            return
        entries = names if isinstance(names, dict) else {}
        for item in entries:
            whose = [*self.datasets, *method.variants]
            yield from _unknown(item, whose, f"{key}.{kind}", "data set or variant")
        for item in entries.values() or [names]:
            yield from _unknown(item, getattr(self, kind), f"{key}.{kind}", kind)

    def _wrong_input(self, name: str, dataset: str, variant: str) -> Iterator[str]:
        method = get_method(name)
        try:
            wanted = self.input_of(name, dataset, variant)
        except VadbenchError as error:
            yield str(error)
            return
        source = method.variants[variant].objects
        if not source:
            return
        objects = self.objects.get(self.cubes[wanted].objects)
        if objects is not None and objects.source != source:
            yield (
                f"methods.{name}.{method.reads}: the variant {variant!r} reads cubes of objects "
                f"with source {source!r}, and {wanted!r} are others; name some with "
                f"{{{variant}: NAME}}"
            )

    def input_of(self, method: str, dataset: str, variant: str) -> str:
        """Returns the name of the cubes or views that a variant reads on a data set."""
        kind = get_method(method).reads
        names = getattr(self.methods[method], kind)
        if isinstance(names, str):
            return names
        if variant in names:
            return str(names[variant])
        if dataset not in names:
            raise VadbenchError(
                f"methods.{method}.{kind}: names no {kind} for the data set {dataset!r}; add one"
            )
        return str(names[dataset])

    def protocols_for(self, card: Card) -> dict[str, Protocol]:
        """Returns a method's own protocol, its paper's others and the configuration's, by name."""
        known = self.all_protocols()
        names = [card.protocol, *(item.protocol for item in card.results if item.protocol)]
        names += [protocol_name(name, known) for name in self.evaluation.protocols]
        return {name: known[name] for name in dict.fromkeys(names)}

    def all_protocols(self) -> dict[str, Protocol]:
        """Returns every named protocol and the configuration's own, by name."""
        return {**PROTOCOLS, **self.evaluation.custom}


def _unknown(
    name: str, known: Mapping[str, Any] | Sequence[str], key: str, what: str
) -> Iterator[str]:
    if name not in known:
        yield f"{key}: there is no {what} {name!r}{nearest(name, list(known))}"


def load_config(raw: Mapping[str, Any]) -> Config:
    """Validates a configuration.

    Raises:
        VadbenchError: One message that names each wrong key and the nearest valid name.
    """
    try:
        if (size := _unfolded(raw, {})) > _MOST_VALUES:
            # Aliases of aliases in YAML take no memory until somebody walks through them.
            raise VadbenchError(f"unfolds to {size} values; no configuration has as many")
        return Config.model_validate(raw)
    except ValidationError as error:
        raise VadbenchError(explain(error, Config)) from error
    except RecursionError as error:
        raise VadbenchError(_TOO_DEEP) from error


def _unfolded(value: Any, known: dict[int, int]) -> int:
    """How many values there are in a value, shared ones counted each time."""
    if not isinstance(value, Mapping | list):
        return 1
    if id(value) not in known:
        items = value.values() if isinstance(value, Mapping) else value
        known[id(value)] = 1
        known[id(value)] += sum(_unfolded(item, known) for item in items)
    return known[id(value)]


def read_config_file(path: str | Path, *more: str | Path) -> Config:
    """Reads and validates YAML files.

    As in the workflow, files that name no data sets are laid over config.yaml.

    Args:
        path: The file.
        more: Files whose values come over those of the files before, as Snakemake's --configfile
            has it.

    Raises:
        VadbenchError: A file is missing, no YAML, or they are not valid.
    """
    files = [path, *more]
    raw: dict[str, Any] = {}
    for file in files:
        raw = merge(raw, read_yaml(file))
    if "datasets" not in raw and _BASE.is_file():
        files.insert(0, _BASE)
        raw = merge(read_yaml(_BASE), raw)
    try:
        return load_config(raw)
    except VadbenchError as error:
        raise VadbenchError(f"{', '.join(map(str, files))}: {error}") from error


class _Loader(yaml.SafeLoader):
    """Refuses keys that are there twice, of which the last would count, and endless merges."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._merged: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) not in self._merged:
            self._merged.add(id(node))
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            if twice := [key for key, count in keys.items() if count > 1]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{twice[0]} is there twice", node.start_mark
                )
        super().flatten_mapping(node)
        if len(node.value) > _MOST_VALUES:
            raise yaml.constructor.ConstructorError(
                None, None, "merges to more keys than any configuration has", node.start_mark
            )


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Reads a file of keys and values.

    Raises:
        VadbenchError: It is missing, no YAML, holds a key twice, or unfolds to too much.
    """
    try:
        loader = _Loader(Path(path).read_text(encoding="utf-8"))
        raw = loader.get_single_data()
    except FileNotFoundError as error:
        raise VadbenchError(
            f"{path}: no such file; run from the project's folder, or name a configuration that is "
            "there (--config FILE)"
        ) from error
    except OSError as error:
        raise VadbenchError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise VadbenchError(f"{path}: is no text in UTF-8 ({error}); save it as UTF-8") from error
    except RecursionError as error:
        raise VadbenchError(f"{path}: {_TOO_DEEP}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise VadbenchError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise VadbenchError(f"{path}: expected keys and values, found {type(raw).__name__}")
    return raw


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Turns pydantic's errors into lines of key, problem and nearest valid name."""
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    beside: dict[tuple[str, ...], list[str]] = {}
    for item in error.errors():
        # Tags of unions appear in the location but not in the file.
        names, path = _walk(model, [str(part) for part in item["loc"]])
        beside[tuple(path)] = names
        found.setdefault(tuple(path), []).append(item)
    lines = []
    for place, items in found.items():
        if any(other[: len(place)] == place for other in found if other != place):
            continue  # Of a union's alternatives the one that fits best came further.
        key = ".".join([prefix, *place] if prefix else place)
        lines.append(_line(key, items, sorted(beside[place])))
    return "\n".join(dict.fromkeys(lines))


def _line(key: str, items: Sequence[ErrorDetails], beside: Sequence[str]) -> str:
    """What is wrong at a key; there are several items where it may be of several types."""
    by_type = {item["type"]: item for item in items}
    item = items[0]
    if "literal_error" in by_type and isinstance(item["input"], str):
        item = by_type["literal_error"]
    given, context = item["input"], item.get("ctx", {})
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(key.rpartition('.')[2], beside)}"
    if item["type"] == "missing":
        return f"{key}: is missing"
    if item["type"] == "union_tag_not_found":
        return f"{key}: family is missing, one of {', '.join(SECTIONS)}"
    if item["type"] == "union_tag_invalid":
        tag = str(context["tag"])
        return f"{key}.family: there is no data set family {tag!r}{nearest(tag, list(SECTIONS))}"
    if item["type"] == "literal_error" and (len(items) == 1 or isinstance(given, str)):
        allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"{key}: {given!r} is not possible{nearest(str(given), allowed)}"
    if item["type"] == "value_error":
        return f"{key}: {context['error']}" if key else str(context["error"])
    first, *others = dict.fromkeys(one["msg"] for one in items)
    words = [first[0].lower() + first[1:], *(text.partition(" be ")[2] or text for text in others)]
    shown = repr(given) if len(repr(given)) < 60 else repr(given)[:57] + "..."
    return f"{key}: {' or '.join(words)}, found {shown}"


def _walk(model: Any, loc: list[str]) -> tuple[list[str], list[str]]:
    """Follows a location through the models.

    Returns:
        The valid names beside the last part, and the location without union tags.
    """
    beside: list[str] = []
    path: list[str] = []
    current = model
    for part in loc:
        if part == "[key]":
            continue  # The key itself is wrong, and is there already.
        current = _bare(current)
        members = get_args(current) if get_origin(current) is not None else ()
        tagged = [m for m in members if _has_tag(m, part)]
        if tagged:
            current = tagged[0]
            continue
        if get_origin(current) in (dict, list, tuple):
            beside, current = [], members[-1]
        elif isinstance(current, type) and issubclass(current, BaseModel):
            beside = list(current.model_fields)
            field = current.model_fields.get(part)
            current = field.annotation if field else None
        elif members:
            # A plain union names its alternatives in the location; they are not in the file.
            current = next((m for m in members if _type_name(m) == part.partition("[")[0]), None)
            continue
        path.append(part)
    return beside, path


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _type_name(annotation: Any) -> str:
    bare = _bare(annotation)
    return str(getattr(get_origin(bare) or bare, "__name__", ""))


def _has_tag(member: Any, tag: str) -> bool:
    member = _bare(member)
    if not (isinstance(member, type) and issubclass(member, BaseModel)):
        return False
    field = member.model_fields.get("family")
    return field is not None and get_args(field.annotation) == (tag,)
