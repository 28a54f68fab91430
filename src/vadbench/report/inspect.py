"""What a file below results/ is, in words and, if asked for, in pictures."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadbench.artefacts import Artefact, Identity, open_artefact
from vadbench.artefacts.store import find_spec
from vadbench.datasets.index import load_json
from vadbench.errors import VadbenchError
from vadbench.vectors import require_file

if TYPE_CHECKING:
    from rich.console import Console

    from vadbench.datasets import Clip

__all__ = ["inspect"]

_RECORDS = {
    "metrics.json": "the evaluation of a run",
    "index.json": "the index of a data set",
    "cost.json": "what the networks of a variant cost",
    "audit.json": "what the last audit found",
}
_REMEDY = "; delete it and run again"
_LONGEST = 300  # characters of a value in a record
Tell = Callable[[str, str], None]


def inspect(console: "Console", path: Path, pictures: Path | None, config: Path) -> None:
    """Prints what an artefact, weights or a record says of itself.

    Args:
        console: Where to.
        path: The file.
        pictures: Folder to draw an artefact into, if it is to be drawn.
        config: YAML file that names the data set, for the frames in pictures.

    Raises:
        VadbenchError: There is no such file, it is damaged, is none of these, or is not drawn.
    """
    readers = {".h5": _artefact, ".safetensors": _weights, ".json": _record}

    def tell(name: str, value: str) -> None:
        console.print(f"{name:<10} {value}", highlight=False, markup=False, soft_wrap=True)

    require_file(path)
    if path.suffix not in readers:
        raise VadbenchError(
            f"{path}: inspect reads artefacts (.h5), weights (.safetensors) and records (.json)"
        )
    if pictures is not None and path.suffix != ".h5":
        raise VadbenchError(f"{path}: --pictures draws artefacts (.h5)")
    try:
        readers[path.suffix](console, path, tell)
        if pictures is not None:
            with open_artefact(path) as artefact:
                for picture in _draw(artefact, pictures, config):
                    tell("drawn", str(picture))
    except VadbenchError as error:
        if "results" in path.resolve().parts:
            raise
        # Nobody makes again what does not lie where runs put it.
        raise VadbenchError(str(error).partition(_REMEDY)[0]) from error


def _provenance(facts: Mapping[str, Any], tell: Tell) -> None:
    if "settings" in facts:
        tell("settings", json.dumps(facts["settings"]))
    tell("code", facts.get("code") or "not recorded")
    tell("libraries", " ".join(f"{name} {v}" for name, v in facts.get("libraries", {}).items()))
    for source, digest in facts.get("inputs", {}).items():
        tell("made from", f"{source}  {digest[:16]}")


def _artefact(console: "Console", path: Path, tell: Tell) -> None:
    from rich.table import Table

    with open_artefact(path) as artefact:
        owner = artefact.identity
        where = f"{owner.dataset}, {owner.split}" + (f", {owner.clip}" if owner.clip else "")
        tell(f"{path}:", f"{artefact.kind} of {where}")
        tell("frames", str(artefact.n_frames))
        tell("digest", artefact.digest)
        names = ("settings", "code", "libraries", "inputs")
        _provenance({name: getattr(artefact, name) for name in names}, tell)
        table = Table("field", "shape", "type", "stored", "meaning")
        for name in artefact.fields:
            data, spec = artefact[name], find_spec(artefact.kind, name)
            stored = f"{data.id.get_storage_size() / 1e6:.2f} MB"
            table.add_row(name, str(data.shape), str(data.dtype), stored, spec.unit if spec else "")
        console.print(table)


def _weights(console: "Console", path: Path, tell: Tell) -> None:
    from rich.table import Table
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as content:
            facts = json.loads((content.metadata() or {}).get("vadbench", "{}"))
            parts = [content.get_slice(name) for name in content.keys()]  # noqa: SIM118
            tensors = {
                name: (part.get_shape(), part.get_dtype())
                for name, part in zip(content.keys(), parts, strict=True)
            }
    except PermissionError as error:
        raise VadbenchError(f"{path}: cannot be read ({error.strerror})") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise VadbenchError(f"{path}: not readable weights ({error}){_REMEDY}") from error
    count = sum(_product(shape) for shape, _ in tensors.values())
    tell(f"{path}:", f"weights, {count:,} parameters")
    for name in (
        "dataset",
        "method",
        "variant",
        "stage",
        "seed",
        "devices",
        "chosen",
        "test_auc",
        "train_loss",
    ):
        if name in facts:
            tell(name, str(facts[name]))
    if "epoch" in facts:
        tell("epoch", str(facts["epoch"] + 1))
    _provenance(facts, tell)
    table = Table("tensor", "shape", "type")
    for name, (shape, dtype) in tensors.items():
        table.add_row(name, str(tuple(shape)), str(dtype))
    console.print(table)


def _product(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _record(console: "Console", path: Path, tell: Tell) -> None:
    content = load_json(path)
    if not isinstance(content, dict):
        content = {"content": content}
    is_clip = "frames_sha256" in content
    tell(f"{path}:", "a checked clip" if is_clip else _RECORDS.get(path.name, "a record"))
    for name, value in content.items():
        if name not in {"settings", "code", "libraries", "inputs"}:
            text = json.dumps(value)
            tell(name, text if len(text) <= _LONGEST else f"{len(value)} entries")
    for record in content.get("records", []) if "default_protocol" in content else []:
        own = (content["default_protocol"], "auc_micro")
        if (record["protocol"], record["metric"]) == own:
            tell("AUC", f"{100 * record['value']:.1f}  {record['score']}, {record['selection']}")
    if "code" in content:
        _provenance(content, tell)


def _draw(artefact: Artefact, folder: Path, config: Path) -> list[Path]:
    from vadbench.report.panels import draw_panels
    from vadbench.report.sheets import SHEETS
    from vadbench.report.teachers import TEACHERS, draw_teacher

    if artefact.kind == "panels":
        settings = artefact.settings
        title = f"{settings['method']} {settings['variant']}, seed {settings['seed']}"
        return draw_panels(artefact, folder, title, None)
    if artefact.kind in SHEETS:
        return SHEETS[artefact.kind](artefact, folder)
    if artefact.kind in TEACHERS:
        try:
            clip = _open_clip(artefact.identity, config)
        except VadbenchError as error:
            print(f"vadbench: drawn without frames: {error}", file=sys.stderr)
            clip = None
        return draw_teacher(artefact, folder, clip)
    raise VadbenchError(
        f"{artefact.path}: holds {artefact.kind}, which is not drawn; --pictures draws "
        f"{', '.join([*TEACHERS, *SHEETS])} and panels"
    )


def _open_clip(owner: Identity, config: Path) -> "Clip":
    from vadbench.config import read_config_file
    from vadbench.datasets import open_source

    datasets = read_config_file(config).datasets
    if owner.dataset not in datasets:
        raise VadbenchError(
            f"{config} names no data set {owner.dataset!r}; name the configuration with --config"
        )
    source = datasets[owner.dataset].source_settings()
    return open_source(source, owner.dataset, owner.split, str(owner.clip))
