"""Freezes a campaign: a copy of code, workflow and configuration that runs into the same results.

Snakemake reads its rules anew and Python imports the library anew in every job. Who edits the tree
while jobs wait in a queue changes what these compute. A run that is started in a frozen copy does
not see the edits.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import vadbench
from vadbench.errors import VadbenchError
from vadbench.host import COMMIT, commit_of

__all__ = ["SHARED", "freeze", "use_frozen_library"]

SHARED = ("results", "logs", ".snakemake", "data", "weights")
"""What a frozen copy shares with the tree that it was made from."""
_COPIED = ("Snakefile", "workflow", "envs", "config.yaml", "pyproject.toml", "constraints.txt")
_PROLOGUE = """# A frozen copy: every job imports the library from here, whatever else is installed.
import os
import sys

FROZEN = os.path.join(os.path.abspath(workflow.basedir), "src")
sys.path.insert(0, FROZEN)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [FROZEN, *filter(None, [os.environ.get("PYTHONPATH")])]
)

"""


def freeze(target: Path, configs: Sequence[Path] = (), project: Path = Path()) -> list[Path]:
    """Copies package, workflow and configuration into a new folder.

    Args:
        target: The folder, which must not exist yet.
        configs: Configuration files beside `config.yaml` and `workflow/configs/`.
        project: The tree to copy; its results, logs, data and weights become the copy's own.

    Returns:
        The copied configuration files among `configs`, below `target`.

    Raises:
        VadbenchError: The folder exists, this is no project's root, a configuration is not there,
            or two of them would have the same name in the copy.
    """
    from vadbench.config import read_yaml

    if not (project / "Snakefile").is_file():
        raise VadbenchError(f"{project.resolve()} has no Snakefile; freeze from the project's root")
    if target.exists():
        raise VadbenchError(
            f"{target} is there already; a frozen copy never changes, take another name"
        )
    places = [_place(project, path) for path in configs]
    for path, place in zip(configs, places, strict=True):
        if not (project / path).is_file():
            raise VadbenchError(f"{path}: no such file; name the configuration of the campaign")
        if places.count(place) > 1 or (place.parts[0] == "configs" and (project / place).exists()):
            raise VadbenchError(
                f"{path}: there is another {place} in the copy; rename one of the files"
            )
    for name in _COPIED:
        if target.resolve().is_relative_to((project / name).resolve()):
            raise VadbenchError(f"{target}: lies in what is copied; take a folder outside {name}/")
    data = os.environ.get("VADBENCH_DATA", "")
    if ".." in Path(data).parts and not Path(data).is_absolute():
        raise VadbenchError(
            f"VADBENCH_DATA is {data}, which in the copy would be another folder; make it absolute"
        )
    building = target.with_name(f".{target.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    skip = shutil.ignore_patterns("__pycache__")
    for name in _COPIED:
        source = project / name
        if source.is_dir():
            shutil.copytree(source, building / name, ignore=skip)
        elif source.is_file():
            shutil.copy2(source, building / name)
    shutil.copytree(Path(vadbench.__file__).parent, building / "src/vadbench", ignore=skip)
    text = (building / "Snakefile").read_text()
    (building / "Snakefile").write_text(_PROLOGUE + text)
    if commit := commit_of(project):
        (building / COMMIT).write_text(f"{commit}\n")
    for path, place in zip(configs, places, strict=True):
        if not (building / place).exists():
            (building / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / path, building / place)
    for path in building.rglob("*"):
        if path.is_file():
            path.chmod(path.stat().st_mode & ~0o222)
    (building / "profiles").symlink_to("workflow/profiles")
    for name in SHARED:
        place = (project / name).resolve()
        if name in {"results", "logs", ".snakemake"}:
            place.mkdir(parents=True, exist_ok=True)
        if place.exists():
            (building / name).symlink_to(place)
    named = [read_yaml(path) for path in building.glob("config.yaml")]
    named += [read_yaml(building / path) for path in places]
    _link_named(building, project, [data, *named])
    os.replace(building, target)
    return [target / place for place in places]


def _link_named(copy: Path, project: Path, names: Any) -> None:
    """Links the project's files and folders that are named, such as boxes of one's own."""
    for text in _words(names):
        first = Path(text).parts[:1]
        if first and (project / text).exists() and not os.path.lexists(copy.joinpath(*first)):
            copy.joinpath(*first).symlink_to(project.joinpath(*first).resolve())


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _words(item)


def use_frozen_library(arguments: Sequence[str]) -> None:
    """In a frozen copy, starts the command again with the copy's library, if it has another one."""
    source = Path("src").resolve()
    if source == Path(vadbench.__file__).resolve().parents[1]:
        return
    try:
        frozen = Path("Snakefile").read_text().startswith(_PROLOGUE)
    except (OSError, UnicodeDecodeError):
        return
    if frozen and (source / "vadbench/__main__.py").is_file():
        paths = [str(source), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-m", "vadbench", *arguments]
        os.execve(sys.executable, command, environment)


def _place(project: Path, path: Path) -> Path:
    """Where a configuration lies in the copy: as in the project, or in `configs/` if outside it."""
    own = Path(os.path.relpath(project / path, project))
    return Path("configs", path.name) if ".." in own.parts else own
