"""What has to be made from what: the configuration resolved to runs, paths and job parameters.

The workflow's input and params functions ask here, and so do the commands beside it. Each job's
parameters hold its own settings and the fingerprint of its own code, and nothing else, with
sorted keys: a job is stale when one of them changed, and only then.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from vadbench import datasets
from vadbench.artefacts.fingerprint import fingerprint, script_fingerprint
from vadbench.config import Config, load_config
from vadbench.datasets.watch import known_content
from vadbench.errors import VadbenchError
from vadbench.methods import Method, get_method
from vadbench.report.site import site_files_digest
from vadbench.scoring.protocol import Protocol
from vadbench.settings import Settings
from vadbench.teachers.flow import backend_module
from vadbench.teachers.flow.published import CHECKPOINTS
from vadbench.weights import (
    MissingWeightsError,
    collect_missing,
    find_folder,
    find_weights,
    verify_weights,
)

__all__ = ["MissingFilesError", "Plan", "Run", "open_plan"]

_DEPTH = "vadbench.teachers.depth"
_DPT = "vadbench.teachers.depth.dpt"
_CUT = "vadbench.objects.cubes"
_VIEWS = "vadbench.objects.views"
_BOXES = "vadbench.objects.boxes"
_IMPORTED = "vadbench.objects.importing"
_CHECK = "vadbench.datasets.check"
_INDEX = "vadbench.datasets.index"
_MASKS = "vadbench.datasets.masks"
_JUDGE = ("vadbench.scoring.judge", _INDEX)
_SCORING = (
    "vadbench.scoring.evaluate",
    "vadbench.scoring.decision",
    "vadbench.scoring.events",
    _INDEX,
)
_SPACE = ("vadbench.scoring.maps", _MASKS)
_REGIONS = "vadbench.datasets.regions"
_SHIPPED = {"segmentation": "instance masks", "depth": "depth"}
_SEGMENTED = frozenset({"instances", "union"})
_NETWORKS = frozenset({"maskrcnn", "dpt", *CHECKPOINTS})
_CHOOSE = "vadbench.scoring.choose"
_PANELS = "vadbench.report.panels"


class MissingFilesError(VadbenchError):
    """Files that a configuration needs are missing, or are not what they have to be.

    Attributes:
        problems: What is wrong, by what it is of: `data set NAME`, an entry such as `objects.vec`,
            or `weights`.
    """

    def __init__(self, problems: Mapping[str, Sequence[VadbenchError]]) -> None:
        self.problems = problems
        lines = dict.fromkeys(str(error) for errors in problems.values() for error in errors)
        super().__init__("\n".join(["What the configuration needs is not there.", *lines]))


@dataclass(frozen=True, order=True)
class Run:
    """One variant of a method on a data set with a seed.

    A variant `name@other` is what was trained on the data set `other`, tested on this one.
    """

    dataset: str
    method: str
    variant: str
    seed: int

    @property
    def folder(self) -> str:
        """The run's folder below the project root."""
        return f"results/{self.dataset}/{self.method}/{self.variant}/seed{self.seed}"

    @property
    def base(self) -> str:
        """The variant's name in the method."""
        return self.variant.partition("@")[0]

    @property
    def trained(self) -> "Run":
        """The run on the data set that this one was trained on: itself, unless tested elsewhere."""
        source = self.variant.partition("@")[2] or self.dataset
        return Run(source, self.method, self.base, self.seed)

    def of(self, variant: str) -> "Run":
        """The run of another variant, trained and tested where this one is."""
        _, at, source = self.variant.partition("@")
        return Run(self.dataset, self.method, f"{variant}{at}{source}", self.seed)


class Plan:
    """The resolved configuration.

    Args:
        config: The checked configuration.
        root: Folder of the raw data sets; the environment's if None.
        scripts: Folder of the rules' scripts.
    """

    def __init__(
        self, config: Config, root: Path | None = None, scripts: Path = Path("workflow/scripts")
    ) -> None:
        self.config = config
        self.root = root or datasets.data_root()
        self.scripts = scripts
        self._clips: dict[str, dict[str, list[str]]] = {}
        self._states: dict[str, dict[str, str]] = {}
        self._settings: dict[tuple[str, str, str], Settings] = {}
        self._contents: dict[tuple[Path, ...], str] = {}

    def script(self, name: str) -> str:
        """The fingerprint of a rule's script, a parameter of the rule's jobs.

        What a script imports is in the parameter `job`, where it counts; its time says nothing.
        """
        return script_fingerprint(self.scripts / f"{name}.py")

    # Data sets

    def clips(self, dataset: str) -> dict[str, list[str]]:
        """Clip names by split, in order."""
        if dataset not in self._clips:
            self._clips[dataset] = datasets.list_clips(
                self.config.datasets[dataset], self.raw_root(dataset)
            )
        return self._clips[dataset]

    def raw_root(self, dataset: str) -> Path:
        """Where the raw clips lie: the data root, or the rendered scene."""
        if self.config.datasets[dataset].family == "walkway":
            return datasets.raw_root("walkway", dataset)
        return self.root

    def scene_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of rendering a clip: all but the number of clips."""
        section = self.config.datasets[dataset]
        if section.family != "walkway":
            raise VadbenchError(f"data set {dataset!r} is not rendered but read from disk")
        return _job(section.scene_settings(), "vadbench.datasets.walkway")

    def raw_files(self, dataset: str, split: str, clip: str) -> list[str]:
        """Rendered clips are artefacts; raw clips on disk are watched by `clip_params`."""
        if self.config.datasets[dataset].family == "walkway":
            return [f"results/{dataset}/scene/{split}/{clip}.h5"]
        return []

    def clip_params(self, dataset: str, split: str, clip: str) -> dict[str, Any]:
        """Parameters of checking a clip: how to read it, and the state of its files.

        Raises:
            VadbenchError: The data set has no such clip.
        """
        if clip not in self.clips(dataset)[split]:
            raise VadbenchError(f"{dataset} has no {split} clip {clip!r}")
        job = self._source(dataset, _CHECK)
        if not self.raw_files(dataset, split, clip):
            job["state"] = self._state(dataset)[f"{split}/{clip}"]
        return job

    def index_files(self, dataset: str) -> dict[str, list[str]]:
        """The checked clips and, of a rendered data set, the clips that hold labels."""
        clips = self.clips(dataset)
        return {
            "clips": [
                f"results/{dataset}/clips/{split}/{clip}.json"
                for split, names in clips.items()
                for clip in names
            ],
            "scenes": self.test_scenes(dataset),
        }

    def test_scenes(self, dataset: str) -> list[str]:
        """The test clips of a rendered data set, which hold its labels; none of another one."""
        return [
            file
            for clip in self.clips(dataset)["test"]
            for file in self.raw_files(dataset, "test", clip)
        ]

    def index_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of the index: clips, labels and the state of the label files."""
        section = self.config.datasets[dataset]
        job = _job(section.plain(), _INDEX, self._labels(dataset))
        job |= {"clips": self.clips(dataset), "official": section.official_counts()}
        if section.family != "walkway":
            job["state"] = self._state(dataset)["labels"]
        return job

    def _state(self, dataset: str) -> dict[str, str]:
        if dataset not in self._states:
            self._states[dataset] = datasets.raw_state(
                self.config.datasets[dataset], self.raw_root(dataset), dataset
            )
        return self._states[dataset]

    def _source(self, dataset: str, *code: str) -> dict[str, Any]:
        """How to open the data set's clips, and the code that does."""
        section = self.config.datasets[dataset]
        return _job({}, *code, datasets.FAMILIES[section.family]) | {
            "source": section.source_settings()
        }

    def _labels(self, dataset: str) -> str:
        """The module that reads the data set's labels and masks, and by what it imports clips."""
        return datasets.LABELS[self.config.datasets[dataset].family]

    def clip_files(self, dataset: str, split: str, clip: str) -> dict[str, list[str]]:
        """What a job on one clip's frames depends on."""
        return {
            "clip": [f"results/{dataset}/clips/{split}/{clip}.json"],
            "raw": self.raw_files(dataset, split, clip),
        }

    # Teachers and objects

    def segmentation_files(
        self, dataset: str, name: str, split: str, clip: str
    ) -> dict[str, list[str]]:
        """What a segmentation artefact is made from."""
        settings = _named(self.config.segmentation, "segmentation", name)
        files = self.clip_files(dataset, split, clip)
        if (
            settings.backend == "import"
            and self._import_path("segmentation", name, split).is_file()
        ):
            # Frames may be counted over all clips of the split.
            files["clips"] = self.split_clips(dataset, split)
        return files

    def segmentation_params(self, dataset: str, name: str) -> dict[str, Any]:
        """Parameters of a segmentation artefact."""
        settings = _named(self.config.segmentation, "segmentation", name)
        self._check_shipped("segmentation", name, dataset)
        package = "vadbench.teachers.segmentation"
        code = [f"{package}.{settings.backend}"]
        if settings.backend == "import":
            code = [f"{package}.importing"]
        elif settings.backend == "maskrcnn":
            code.append(f"{package}.{settings.maskrcnn.library}_maskrcnn")
        return self._source(dataset, *code) | {"settings": settings.effective()}

    def segmentation_environment(self, name: str) -> str:
        """The conda environment of a segmentation, a file of envs/."""
        settings = _named(self.config.segmentation, "segmentation", name)
        detectron2 = settings.backend == "maskrcnn" and settings.maskrcnn.library == "detectron2"
        return "detectron2.yaml" if detectron2 else "vadbench.yaml"

    def _teacher_weights(self, section: str, name: str) -> list[Path]:
        """The weights files of a teacher; none if it has no network."""
        settings = _named(getattr(self.config, section), section, name)
        key = f"{section}.{name}"
        if settings.backend == "maskrcnn":
            own = settings.maskrcnn
            return [find_weights(own.model, own.weights, f"{key}.maskrcnn.weights")]
        if settings.backend == "dpt":
            network = settings.dpt
            if network.model == "MiDaS_small":
                return [find_weights(network.model, network.weights, f"{key}.dpt.weights")]
            return find_folder(network.model, network.weights, f"{key}.dpt.weights")
        if section == "flow" and settings.backend in CHECKPOINTS:
            own = settings.ptlflow
            return [find_weights(settings.backend, own.weights, f"{key}.ptlflow.weights")]
        return []

    def foreign(self, section: str, name: str, split: str, clip: str) -> dict[str, list[Path]]:
        """Files that no job makes, from which an artefact of a clip is: weights, masks, boxes.

        They are no inputs of the rules, for which names and times of files count, but
        `contents` of them are parameters.
        """
        if section not in {"segmentation", "flow", "depth", "objects"}:
            return {}
        settings = _named(getattr(self.config, section), section, name)
        if section == "objects":
            if settings.source != "import":
                return {}
            source = self._import_path(section, name, split)
            return {"boxes": [source / f"{clip}.csv" if source.is_dir() else source]}
        if settings.backend == "import":
            source = self._import_path(section, name, split)
            pictures = sorted((source / clip).glob("*.png"))
            own = [source] if source.is_file() else pictures or [source / f"{clip}.json"]
            return {"masks": own}
        weights = self._teacher_weights(section, name)
        return {"weights": _verified(weights)} if weights else {}

    def contents(self, section: str, name: str, split: str, clip: str) -> dict[str, Any]:
        """Parameters of an artefact of a clip: digests of its foreign files, if it has any."""
        return self._content_params(self.foreign(section, name, split, clip))

    def _content_params(self, foreign: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
        for paths in foreign.values():
            if tuple(paths) not in self._contents:
                self._contents[tuple(paths)] = known_content(paths)
        digests = {kind: self._contents[tuple(paths)] for kind, paths in foreign.items()}
        return {"files": digests} if digests else {}

    def check_files(self) -> None:
        """Looks for all that the runs read and no job makes: clips, labels, boxes, masks, weights.

        Raises:
            MissingFilesError: Names all that is missing, or not what it has to be.
        """
        problems: dict[str, list[VadbenchError]] = {}

        def look(what: str, check: Callable[..., object], *args: Any) -> None:
            try:
                check(*args)
            except VadbenchError as error:
                problems.setdefault(what, []).append(error)

        for dataset, section in self.config.datasets.items():
            what = f"data set {dataset}"
            look(what, self.clips, dataset)
            if what not in problems:
                look(what, datasets.label_paths, section, self.raw_root(dataset))
        for check, kind, name, where in self._sources():
            look(f"{kind}.{name}", check, kind, name, where)
        lookups = self._weights()
        look("weights", collect_missing, lookups)
        for find in lookups:
            with suppress(MissingWeightsError):
                for path in find():
                    look("weights", verify_weights, path)
        if problems:
            raise MissingFilesError(problems)

    def _sources(self) -> Iterable[tuple[Callable[..., object], str, str, str]]:
        """What looks for annotations and imported files, with section, name, and where."""
        found: list[tuple[Callable[..., object], str, str, str]] = []
        for run in self.runs:
            for owner, split in ((run, "test"), (run.trained, "train")):
                entries = self._teachers(owner)
                if get_method(owner.method).reads == "cubes":
                    cubes = self.config.input_of(owner.method, owner.dataset, owner.base)
                    entries.append(("objects", self.config.cubes[cubes].objects))
                for kind, name in entries:
                    settings = getattr(self.config, kind)[name]
                    if "import" in {getattr(settings, key, "") for key in ("backend", "source")}:
                        found.append((self._import_path, kind, name, split))
                    elif kind in _SHIPPED:
                        found.append((self._check_shipped, kind, name, owner.dataset))
        return dict.fromkeys(found)

    def _check_shipped(self, section: str, name: str, dataset: str) -> None:
        """Refuses annotations as a teacher on a data set that has none."""
        settings = getattr(self.config, section)[name]
        if settings.backend == "annotations" and self.config.datasets[dataset].family != "walkway":
            raise VadbenchError(
                f"{section}.{name}: data set {dataset!r} ships no {_SHIPPED[section]}; take "
                "another backend than annotations"
            )

    def _weights(self) -> list[Callable[[], list[Path]]]:
        """What finds the weights of each teacher and encoder that the runs need."""
        teachers = dict.fromkeys(
            item
            for run in self.runs
            for owner in (run, run.trained)
            for item in self._teachers(owner)
        )
        stages = dict.fromkeys(
            (run.trained.of(trainer), stage)
            for run in self.runs
            for stage, trainer in self._stages(run).items()
        )
        return [
            *(partial(self._teacher_weights, *item) for item in teachers),
            *(partial(self._encoder_weights, *item) for item in stages),
        ]

    def _encoder_weights(self, run: Run, stage: str) -> list[Path]:
        path = self._pretrained(run, stage)
        return [] if path is None else [path]

    def _teachers(self, run: Run) -> list[tuple[str, str]]:
        """Section and name of the teachers whose artefacts a run descends from."""
        name = self.config.input_of(run.method, run.dataset, run.base)
        if get_method(run.method).reads == "cubes":
            cubes = self.config.cubes[name]
            objects = self.config.objects[cubes.objects]
            segmentation = objects.segmentation if objects.source in _SEGMENTED else None
            found = {"flow": cubes.flow, "segmentation": segmentation}
        else:
            views = self.config.views[name]
            found = {kind: getattr(views, kind) for kind in ("flow", "segmentation", "depth")}
        return [(section, item) for section, item in found.items() if item is not None]

    def is_network(self, section: str, name: str) -> bool:
        """Whether a teacher is a network, which wants threads, memory and a GPU."""
        return _named(getattr(self.config, section), section, name).backend in _NETWORKS

    def is_trained(self, run: Run) -> bool:
        """Whether a run has networks, which want threads, memory and a GPU."""
        return bool(self._stages(run))

    def flow_files(self, dataset: str, name: str, split: str, clip: str) -> dict[str, list[str]]:
        """What a flow artefact is made from."""
        return self.clip_files(dataset, split, clip)

    def flow_params(self, dataset: str, name: str) -> dict[str, Any]:
        """Parameters of a flow artefact."""
        settings = _named(self.config.flow, "flow", name)
        job = self._source(dataset, "vadbench.teachers.flow", backend_module(settings.backend))
        return job | {"settings": settings.effective()}

    def depth_files(self, dataset: str, name: str, split: str, clip: str) -> dict[str, list[str]]:
        """What a depth artefact is made from."""
        return self.clip_files(dataset, split, clip)

    def depth_params(self, dataset: str, name: str) -> dict[str, Any]:
        """Parameters of a depth artefact."""
        settings = _named(self.config.depth, "depth", name)
        self._check_shipped("depth", name, dataset)
        code = _DPT if settings.backend == "dpt" else _DEPTH
        return self._source(dataset, code) | {"settings": settings.effective()}

    def objects_files(self, dataset: str, name: str, split: str, clip: str) -> dict[str, list[str]]:
        """What the boxes of a clip are found from."""
        settings = _named(self.config.objects, "objects", name)
        files = self.clip_files(dataset, split, clip)
        if settings.segmentation is not None and settings.source in _SEGMENTED:
            path = f"results/{dataset}/segmentation/{settings.segmentation}/{split}/{clip}.h5"
            files["segmentation"] = [path]
        if settings.source == "import" and self._import_path("objects", name, split).is_file():
            # Frames may be counted over all clips of the split.
            files["clips"] = self.split_clips(dataset, split)
        return files

    def _import_path(self, section: str, name: str, split: str) -> Path:
        paths = getattr(self.config, section)[name].import_path
        if split not in paths:
            raise VadbenchError(f"{section}.{name}.import_path: names no {split} file or folder")
        path = Path(paths[split])
        found = path if path.exists() else self.root / path
        if not found.exists():
            raise VadbenchError(
                f"{section}.{name}.import_path.{split}: neither {path} nor {found} exists; give a "
                "path, or set VADBENCH_DATA to the folder that it is relative to"
            )
        return found

    def objects_params(self, dataset: str, name: str) -> dict[str, Any]:
        """Parameters of an objects artefact."""
        settings = _named(self.config.objects, "objects", name)
        code = (_BOXES, _IMPORTED) if settings.source == "import" else (_BOXES,)
        return self._source(dataset, *code) | {"settings": settings.effective()}

    def cubes_files(self, dataset: str, name: str, split: str, clip: str) -> dict[str, list[str]]:
        """What the cubes of a clip are cut from."""
        settings = _named(self.config.cubes, "cubes", name)
        return {
            **self.clip_files(dataset, split, clip),
            "flow": [f"results/{dataset}/flow/{settings.flow}/{split}/{clip}.h5"],
            "objects": [f"results/{dataset}/objects/{settings.objects}/{split}/{clip}.h5"],
        }

    def cubes_params(self, dataset: str, name: str) -> dict[str, Any]:
        """Parameters of a cubes artefact."""
        settings = _named(self.config.cubes, "cubes", name)
        return self._source(dataset, _CUT) | {"settings": settings.effective()}

    def views_files(self, dataset: str, name: str, split: str, clip: str) -> dict[str, list[str]]:
        """What the views of a clip are made from."""
        settings = _named(self.config.views, "views", name)
        files = self.clip_files(dataset, split, clip)
        for kind in ("flow", "segmentation", "depth"):
            if (source := getattr(settings, kind)) is not None:
                files[kind] = [f"results/{dataset}/{kind}/{source}/{split}/{clip}.h5"]
        return files

    def views_params(self, dataset: str, name: str) -> dict[str, Any]:
        """Parameters of a views artefact."""
        settings = _named(self.config.views, "views", name)
        return self._source(dataset, _VIEWS) | {"settings": settings.effective()}

    # Runs

    @cached_property
    def runs(self) -> list[Run]:
        """All runs of the configuration, in its order."""
        return [
            Run(dataset, name, variant, seed)
            for name, section in self.config.methods.items()
            for dataset in section.datasets or self.config.datasets
            for variant in section.variants or list(get_method(name).variants)[:1]
            if variant.partition("@")[2] != dataset
            for seed in (self.config.seeds if get_method(name).seeded else [0])
        ]

    def settings(self, run: Run) -> Settings:
        """The resolved settings of a run's variant."""
        key = (run.trained.dataset, run.method, run.base)
        if key not in self._settings:
            method = get_method(run.method)
            if run.base not in method.variants:
                raise VadbenchError(f"{run.method} has no variant {run.base!r}")
            if run.trained.dataset not in self.config.datasets:
                raise VadbenchError(f"there is no data set {run.trained.dataset!r} to train on")
            self._settings[key] = method.settings(
                self.config.datasets[run.trained.dataset].paper_name,
                run.base,
                self.config.budget,
                self.config.methods[run.method].settings,
            )
        return self._settings[key]

    def _stages(self, run: Run) -> Mapping[str, str]:
        method = get_method(run.method)
        if run.base not in method.variants:
            raise VadbenchError(f"{run.method} has no variant {run.base!r}")
        return method.variants[run.base].stages

    def stages(self, run: Run) -> list[str]:
        """The stages whose weights a run needs, in order of training."""
        return list(self._stages(run))

    def trainer(self, run: Run, stage: str) -> Run:
        """The run that trains a stage of this one."""
        return run.trained.of(self._stages(run)[stage])

    def stage_file(self, run: Run, stage: str, selection: str = "last") -> str:
        """Weights of a stage, in the folder of the run that trains it."""
        folder = run.trained.of(self._stages(run)[stage]).folder
        suffix = "" if selection == "last" else f".{selection}"
        return f"{folder}/{stage}{suffix}.safetensors"

    def weights(self, run: Run, selection: str = "last") -> list[str]:
        """Weights that scoring a run needs, in order of its stages.

        With a selection other than `last` weights are of the epoch that it chose, but for those
        that another stage was trained on.
        """
        last = self._last_stages(run)
        return [
            self.stage_file(run, stage, selection if stage in last else "last")
            for stage in self._stages(run)
        ]

    def _last_stages(self, run: Run) -> set[str]:
        """The stages of a run on which no other of its stages is trained."""
        before = get_method(run.method).before
        stages = set(self._stages(run))
        return stages.difference(*(before(run.base, stage) for stage in stages))

    def run_inputs(self, run: Run, split: str, prefix: str = "") -> dict[str, list[str]]:
        """The cubes or views of a split that a run reads, in clip order."""
        kind = get_method(run.method).reads
        name = self.config.input_of(run.method, run.dataset, run.base)
        return {
            f"{prefix}{kind}": [
                f"results/{run.dataset}/{kind}/{name}/{split}/{clip}.h5"
                for clip in self.clips(run.dataset)[split]
            ]
        }

    def split_clips(self, dataset: str, split: str) -> list[str]:
        """The checked clips of a split, in order."""
        return [
            f"results/{dataset}/clips/{split}/{clip}.json" for clip in self.clips(dataset)[split]
        ]

    def train_files(self, run: Run, stage: str) -> dict[str, Any]:
        """What a stage is trained from."""
        stages = list(self._stages(run))
        if stage not in stages or self._stages(run)[stage] != run.variant:
            raise VadbenchError(f"{run.method}/{run.variant} does not train a stage {stage!r}")
        before = get_method(run.method).before(run.base, stage)
        files: dict[str, Any] = {
            "earlier": [self.stage_file(run, name) for name in before],
            **self.run_inputs(run, "train"),
            "frozen": self._frozen(run, stage, "train"),
        }
        if self.config.selection == "best_test":
            files |= self.run_inputs(run, "test", "test_")
            files["test_frozen"] = self._frozen(run, stage, "test")
            files["index"] = [f"results/{run.dataset}/index.json"]
        return files

    def train_foreign(self, run: Run, stage: str) -> dict[str, list[Path]]:
        """The weights that the network of a stage starts from, as `foreign` has them."""
        pretrained = self._pretrained(run, stage)
        return {} if pretrained is None else {"pretrained": _verified([pretrained])}

    def _pretrained(self, run: Run, stage: str) -> Path | None:
        """The weights that the network of a stage starts from, if it starts from any."""
        start = get_method(run.method).pretrained(self.settings(run), stage)
        if start is None or start.weights == "none":
            return None
        own = None if start.weights == "imagenet" else start.weights
        return find_weights(start.network, own, f"methods.{run.method}.settings.{start.key}")

    def chosen_weights(self, stem: str) -> dict[str, str]:
        """The second weights file of every stage, where an epoch is chosen beside the last."""
        chosen = self.config.selection
        return {} if chosen == "last" else {chosen: f"{stem}.{chosen}.safetensors"}

    def _frozen(self, run: Run, stage: str | None, split: str) -> list[str]:
        """Outputs of a frozen stage that training `stage`, or scoring (None), reads, if any."""
        frozen = get_method(run.method).frozen(run.base, stage)
        if frozen is None:
            return []
        folder = run.of(self._stages(run)[frozen]).folder
        return [f"{folder}/frozen/{frozen}/{split}.h5"]

    def frozen_files(self, run: Run, stage: str, split: str) -> dict[str, list[str]]:
        """What a frozen stage is applied to, and its weights."""
        return {
            "weights": [self.stage_file(run, name) for name in self._up_to(run, stage)],
            **self.run_inputs(run, split),
        }

    def frozen_params(self, run: Run, stage: str) -> dict[str, Any]:
        """Parameters of applying a frozen stage."""
        method = get_method(run.method)
        job = _job(method.stage_settings(self.settings(run), stage), *method.apply_code)
        return job | {"precision": self.config.precision, "stages": self._up_to(run, stage)}

    def _up_to(self, run: Run, stage: str) -> list[str]:
        return [*get_method(run.method).before(run.base, stage), stage]

    def train_params(self, run: Run, stage: str) -> dict[str, Any]:
        """Parameters of training a stage."""
        method = get_method(run.method)
        settings = self.settings(run)
        own = method.stage_settings(settings, stage)
        start = method.pretrained(settings, stage)
        if start is not None and start.weights not in {"imagenet", "none"}:
            # Which weights these are is told by their content.
            own[start.key] = "file"
        job = _job(own, *method.train_code) | self._content_params(self.train_foreign(run, stage))
        job |= {"precision": self.config.precision, "earlier": method.before(run.base, stage)}
        if self.config.selection == "train_loss":
            job["least_loss"] = True
        if self.config.selection == "best_test":
            if type(method).scorer is Method.scorer:
                raise VadbenchError(
                    f"selection: best_test: {run.method} has no scorer, so that no epoch of it can "
                    "be chosen on the test set; set selection: last, or give the method one"
                )
            job["judge"] = fingerprint(*sorted({*_JUDGE, *method.score_code}))
            job["protocol"] = self.own_protocol(run).plain()
            job["weights"] = method.fusion_weights(settings, run.base)
        return job

    def score_files(self, run: Run, split: str, selection: str = "last") -> dict[str, list[str]]:
        """What a run's raw scores are computed from."""
        frozen = self._frozen(run, None, split)
        applied = get_method(run.method).frozen(run.base, None)
        if selection != "last" and applied in self._last_stages(run):
            # Outputs of a frozen stage are those of its last epoch.
            frozen = []
        return {
            "frozen": frozen,
            "weights": self.weights(run, selection),
            **self.run_inputs(run, split),
            "clips": self.split_clips(run.dataset, split),
            "raw": [
                file
                for clip in self.clips(run.dataset)[split]
                for file in self.raw_files(run.dataset, split, clip)
            ],
        }

    def score_params(self, run: Run) -> dict[str, Any]:
        """Parameters of scoring."""
        method = get_method(run.method)
        job = self._source(run.dataset, *method.score_code)
        return job | {
            "settings": method.score_settings(self.settings(run)),
            "stages": list(self._stages(run)),
            "precision": self.config.precision,
        }

    def scores(self, run: Run) -> dict[str, str]:
        """Raw scores by split and, where an epoch is chosen beside the last, of that epoch.

        Training scores are those of the data set that the run was trained on.
        """
        folders = {"train": run.trained.folder, "test": run.folder}
        files = {split: f"{folder}/scores/{split}.h5" for split, folder in folders.items()}
        for chosen in self.selections(run)[1:]:
            for split, folder in folders.items():
                files[f"{chosen}_{split}"] = f"{folder}/{chosen}/scores/{split}.h5"
        return files

    def selections(self, run: Run) -> list[str]:
        """How epochs are chosen whose scores a run has: `last`, and another if one is asked for."""
        chosen = self.config.selection
        return ["last", chosen] if chosen != "last" and self._stages(run) else ["last"]

    def protocols(self, run: Run, *, every: bool = False) -> dict[str, Protocol]:
        """The run's own protocol and the configuration's, or every one, as they are for it."""
        method = get_method(run.method)
        found = self.config.protocols_for(method.card)
        if every:
            found |= self.config.all_protocols()
        name = self.config.datasets[run.dataset].paper_name
        return {key: item.resolved(name, method.squared_errors) for key, item in found.items()}

    def budget(self, run: Run) -> str:
        """The training budget of a run; empty where nothing is trained."""
        return self.config.budget if self._stages(run) else ""

    def own_protocol(self, run: Run) -> Protocol:
        """The protocol of the run's method."""
        return self.protocols(run)[get_method(run.method).card.protocol]

    def regions_files(self, dataset: str) -> dict[str, Any]:
        """What the abnormal regions of a data set are found in."""
        return {
            "index": f"results/{dataset}/index.json",
            "scenes": self.index_files(dataset)["scenes"],
        }

    def regions_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of finding abnormal regions: where masks lie, and the state of their files."""
        job = _job(self.mask_source(dataset), _REGIONS, self._labels(dataset))
        if self.config.datasets[dataset].family != "walkway":
            job["state"] = self._state(dataset)["labels"]
        return job

    def evaluate_files(self, run: Run) -> dict[str, Any]:
        """What a run's metrics are computed from."""
        files: dict[str, Any] = {
            **self.scores(run),
            "index": f"results/{run.dataset}/index.json",
            "regions": f"results/{run.dataset}/regions.h5",
        }
        if self.has_maps(run):
            files["maps"] = f"{run.folder}/maps.h5"
            files["scenes"] = self.index_files(run.dataset)["scenes"]
        return files

    def has_maps(self, run: Run) -> bool:
        """Whether the anomaly maps of a run's test frames are kept."""
        method = get_method(run.method)
        return self.config.panels.maps and bool(method.explain_code) and method.reads == "views"

    def evaluate_params(self, run: Run) -> dict[str, Any]:
        """Parameters of evaluating a run."""
        method = get_method(run.method)
        protocols, every = self.protocols(run), self.protocols(run, every=True)
        space = {}
        if self.has_maps(run):
            space = {
                "masks": self.mask_source(run.dataset),
                "space": fingerprint(*_SPACE, self._labels(run.dataset)),
            }
        return (
            _job({}, *_SCORING)
            | space
            | {
                "false_positive_rate": self.config.evaluation.false_positive_rate,
                "event_gap": self.config.evaluation.event_gap,
                "budget": self.budget(run),
                "default_protocol": method.card.protocol,
                "protocols": {name: item.plain() for name, item in protocols.items()},
                "matrix": {name: item.plain() for name, item in every.items()},
                "weights": method.fusion_weights(self.settings(run), run.base),
                "selections": self.selections(run),
            }
        )

    # Cost

    def costs(self) -> list[str]:
        """What the networks of every variant cost, one file each; none where nothing is trained."""
        return list(
            dict.fromkeys(
                f"{self._variant(run)}/cost.json" for run in self.runs if self._stages(run)
            )
        )

    @staticmethod
    def _variant(run: Run) -> str:
        return f"results/{run.dataset}/{run.method}/{run.variant}"

    def first_run(self, dataset: str, method: str, variant: str) -> Run:
        """The run of a variant with the first seed."""
        return Run(dataset, method, variant, self.config.seeds[0])

    def cost_files(self, run: Run) -> dict[str, list[str]]:
        """What the cost of a variant's networks is counted on: one of the test clips."""
        files = self.score_files(run, "test")
        return {key: files[key] for key in files if key != "frozen"}

    def cost_params(self, run: Run) -> dict[str, Any]:
        """Parameters of counting."""
        method = get_method(run.method)
        code = (*method.score_code, *method.apply_code, "vadbench.training.cost")
        job = self._source(run.dataset, *code) | {
            "settings": method.score_settings(self.settings(run)),
            "stages": list(self._stages(run)),
            "precision": self.config.precision,
            "seed": run.seed,
            "frozen": None,
        }
        if (stage := method.frozen(run.base, None)) is not None:
            frozen = self.frozen_params(run.of(self._stages(run)[stage]), stage)
            keys = ("settings", "stages")
            job["frozen"] = {"stage": stage} | {key: frozen[key] for key in keys}
        return job

    # Pictures

    def explain_files(self, run: Run) -> dict[str, Any]:
        """What pictures of a run's test frames are made from."""
        scores = self.scores(run)
        return {
            "frozen": self._frozen(run, None, "test"),
            "weights": self.weights(run),
            **self.run_inputs(run, "test"),
            "scores": [scores["train"], scores["test"]],
            "index": f"results/{run.dataset}/index.json",
        }

    def explain_params(self, run: Run) -> dict[str, Any]:
        """Parameters of picturing a run."""
        method = get_method(run.method)
        settings = self.settings(run)
        job = _job(method.score_settings(settings), *method.explain_code, _CHOOSE, _INDEX)
        return job | {
            "stages": list(self._stages(run)),
            "precision": self.config.precision,
            "protocol": self.own_protocol(run).plain(),
            "weights": method.fusion_weights(settings, run.base),
            "frames": self.config.panels.frames,
            "size": self.config.panels.size,
        }

    def panels(self) -> list[str]:
        """Folders of pictures of all runs whose method has some, and their maps if asked for."""
        wanted = []
        for run in self.runs:
            method = get_method(run.method)
            if method.explain_code and self.config.panels.frames:
                wanted.append(f"{run.folder}/panels")
            if self.has_maps(run):
                wanted.append(f"{run.folder}/maps.h5")
        return wanted + self.comparisons()

    def kinds_files(self, dataset: str, method: str, seed: int) -> dict[str, list[str]]:
        """What a picture of all variants of a method is made from."""
        runs = [run for run in self.runs if (run.dataset, run.method) == (dataset, method)]
        folders = [run.folder for run in runs if run.seed == seed]
        return {
            "kinds": [f"{folder}/kinds.h5" for folder in folders],
            "metrics": [f"{folder}/metrics.json" for folder in folders],
        }

    def comparisons(self) -> list[str]:
        """Pictures of all methods that run in several variants, on data sets that name kinds."""
        counts: dict[tuple[str, str, int], int] = {}
        for run in self.runs:
            kinds = self.config.datasets[run.dataset].family in datasets.NAMING_KINDS
            if kinds and get_method(run.method).explain_code and self.config.panels.frames:
                key = (run.dataset, run.method, run.seed)
                counts[key] = counts.get(key, 0) + 1
        return [
            f"results/{dataset}/{method}/variants/seed{seed}"
            for (dataset, method, seed), count in counts.items()
            if count > 1
        ]

    def panels_files(self, run: Run) -> dict[str, Any]:
        """What pictures beside whole frames are drawn from."""
        return {
            "panels": f"{run.folder}/panels.h5",
            "scenes": self.test_scenes(run.dataset),
            "index": f"results/{run.dataset}/index.json",
        }

    def panels_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of drawing pictures beside whole frames of a data set."""
        return self._source(dataset, _PANELS, _MASKS, self._labels(dataset)) | {
            "masks": self.mask_source(dataset)
        }

    def mask_source(self, dataset: str) -> dict[str, Any]:
        """How to open the masks of a data set: its source settings, and what its labels are."""
        section = self.config.datasets[dataset]
        return section.source_settings() | {"labels": getattr(section, "labels", None)}

    def drawing_params(self) -> dict[str, Any]:
        """Parameters of drawing pictures by themselves."""
        return _job({}, _PANELS)

    # Report

    def thumbnails(self) -> list[str]:
        """Folders with small pictures of the test clips of all data sets that runs use."""
        used = dict.fromkeys(run.dataset for run in self.runs)
        return [f"results/{name}/thumbnails" for name in used]

    def thumbnails_files(self, dataset: str) -> dict[str, list[str]]:
        """What the small pictures of a data set are made from."""
        raw = [
            file
            for clip in self.clips(dataset)["test"]
            for file in self.raw_files(dataset, "test", clip)
        ]
        return {"clips": self.split_clips(dataset, "test"), "raw": raw}

    def thumbnails_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of drawing them."""
        return self._source(dataset, "vadbench.report.thumbnails")

    def report_files(self) -> dict[str, list[str]]:
        """What the site is made from."""
        return {
            **self.table_files(),
            "scores": [path for run in self.runs for path in self.scores(run).values()],
            "panels": self.panels(),
            "costs": self.costs(),
            "thumbnails": self.thumbnails(),
        }

    def report_params(self) -> dict[str, Any]:
        """Parameters of the site: all that it says beside what is in its files."""
        return _job({}, "vadbench.report.site.build") | {
            "table": self.table_params(),
            "runs": [self.evaluate_params(run) for run in self.runs],
            "pages": site_files_digest(),
            "cards": _digest({name: get_method(name).card.plain() for name in self.config.methods}),
        }

    def metrics(self, run: Run) -> str:
        """The run's metrics file."""
        return f"{run.folder}/metrics.json"

    def curves(self, run: Run) -> str:
        """The folder of the run's curves."""
        return f"{run.folder}/curves"

    def curves_files(self, run: Run) -> dict[str, Any]:
        """What a run's curves are drawn from."""
        return {
            **self.scores(run),
            "scenes": self.test_scenes(run.dataset),
            "index": f"results/{run.dataset}/index.json",
            "metrics": self.metrics(run),
        }

    def indices(self) -> list[str]:
        """Index files of all data sets that runs use."""
        used = dict.fromkeys(run.dataset for run in self.runs)
        return [f"results/{name}/index.json" for name in used]

    def table_files(self) -> dict[str, list[str]]:
        """What the tables are made from."""
        return {
            "metrics": [self.metrics(run) for run in self.runs],
            "indices": self.indices(),
        }

    def table_params(self) -> dict[str, Any]:
        """Parameters of the table: what the papers report."""
        used = dict.fromkeys(run.method for run in self.runs)
        settings = {
            "paper_names": {
                name: self.config.datasets[name].paper_name
                for name in dict.fromkeys(run.dataset for run in self.runs)
            },
            "papers": {
                name: [item.plain() for item in get_method(name).card.results] for name in used
            },
        }
        return _job(settings, "vadbench.report.summary", "vadbench.report.table")

    def curves_params(self, run: Run) -> dict[str, Any]:
        """Parameters of a run's curves."""
        method = get_method(run.method)
        return self._source(run.dataset, "vadbench.report.curves", _INDEX) | {
            "protocol": self.own_protocol(run).plain(),
            "weights": method.fusion_weights(self.settings(run), run.base),
        }


def open_plan(
    raw: Mapping[str, Any],
    scripts: Path = Path("workflow/scripts"),
    files: Sequence[str | Path] = (),
    check: bool = True,
) -> Plan:
    """Checks a configuration and resolves it against the data on this machine.

    Args:
        raw: The configuration.
        scripts: Folder of the rules' scripts.
        files: What the configuration was read from, for the message.
        check: Whether all files that it needs are looked for.

    Raises:
        VadbenchError: The configuration is not valid.
        MissingFilesError: What it needs is missing.
    """
    try:
        config = load_config(raw)
    except VadbenchError as error:
        named = f" ({', '.join(map(str, files))})" if files else ""
        raise VadbenchError(f"The configuration is not valid{named}.\n{error}") from error
    plan = Plan(config, scripts=scripts)
    if check:
        plan.check_files()
    return plan


def _job(settings: Mapping[str, Any], *code: str) -> dict[str, Any]:
    return {"settings": dict(settings), "code": fingerprint(*sorted(set(code)))}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _verified(weights: list[Path]) -> list[Path]:
    for path in weights:
        verify_weights(path)
    return weights


def _named(entries: Mapping[str, Any], section: str, name: str) -> Any:
    if name not in entries:
        raise VadbenchError(f"config.yaml has no {section} entry {name!r}")
    return entries[name]
