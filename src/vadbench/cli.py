"""The `vadbench` command: everything beside running the workflow."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vadbench import __version__
from vadbench.errors import VadbenchError

__all__ = ["main"]

_EXAMPLES = {
    "table": """examples:
  vadbench table                          the table of the last run
  vadbench table --csv other/benchmark.csv""",
    "datasets": """examples:
  vadbench datasets                                     what config.yaml names
  VADBENCH_DATA=/data vadbench datasets --config workflow/configs/ped2.yaml""",
    "inspect": """examples:
  vadbench inspect results/walkway/flow/farneback/test/test01.h5
  vadbench inspect results/*/cubes/*/train/*.h5
  vadbench inspect results/walkway/hf2vad/full/seed0/panels.h5 --pictures pictures/""",
    "fetch": """examples:
  vadbench fetch dataset ucsd       into data/, or the folder that VADBENCH_DATA names
  vadbench fetch dataset avenue     says where to ask for it, and how it has to lie
  vadbench fetch weights maskrcnn_resnet50_fpn_v2 Intel/dpt-hybrid-midas resnet34 vgg16
                                    into weights/, or the folder that VADBENCH_WEIGHTS names;
                                    docs/configuration.md lists all""",
    "video": """examples:
  vadbench video results/walkway/hf2vad/full/seed0 test01
  vadbench video results/ped2/hf2vad/full/seed0 Test003 --config workflow/configs/ped2.yaml \\
      --output cyclist.mp4""",
    "schema": """examples:
  vadbench schema > workflow/schemas/config.schema.json""",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vadbench",
        description="Commands beside running the benchmark, which is: snakemake --cores all",
    )
    parser.add_argument("--version", action="version", version=f"vadbench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=_EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    table = add("table", "print the results of the last run")
    table.add_argument(
        "--csv", type=Path, default=Path("results/tables/benchmark.csv"), help="the long table"
    )
    datasets = add("datasets", "list the data sets of a configuration and what was found of them")
    datasets.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    inspect = add("inspect", "say what an artefact is, what it holds and what it was made from")
    inspect.add_argument("files", nargs="+", type=Path, metavar="FILE", help="artefacts (.h5)")
    inspect.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="draw what a panels artefact holds into PNG files there",
    )
    video = add("video", "write a test clip as a video with boxes, ground truth and running score")
    video.add_argument(
        "run", type=Path, metavar="RUN", help="results/<dataset>/<method>/<variant>/seed<seed>"
    )
    video.add_argument("clip", metavar="CLIP", help="name of a test clip")
    video.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    video.add_argument("--protocol", help="protocol of the score; the method's own if not given")
    video.add_argument(
        "--output", type=Path, help="the video (.mp4); <RUN>/videos/<CLIP>.mp4 if not given"
    )
    fetch = add("fetch", "fetch data sets or weights and check them, or say where to ask for them")
    fetch.add_argument("what", choices=["dataset", "weights"], help="what is fetched")
    fetch.add_argument(
        "names", nargs="+", metavar="NAME", help="ucsd, avenue, shanghaitech; a network's weights"
    )
    add("schema", "print the JSON schema of config.yaml")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Returns:
        0 if all went well, 1 after an error that the user can mend.
    """
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "table":
            _table(chosen.csv)
        elif chosen.command == "datasets":
            _datasets(chosen.config)
        elif chosen.command == "inspect":
            _inspect(chosen.files, chosen.pictures)
        elif chosen.command == "video":
            from vadbench.report.video import write_run_video

            print(
                write_run_video(
                    chosen.run, chosen.clip, chosen.config, chosen.protocol, chosen.output
                )
            )
        elif chosen.command == "fetch":
            _fetch(chosen.what, chosen.names)
        elif chosen.command == "schema":
            _schema()
    except VadbenchError as error:
        print(f"vadbench: {error}", file=sys.stderr)
        return 1
    return 0


def _table(csv: Path) -> None:
    from vadbench.report.table import print_table

    if not csv.is_file():
        raise VadbenchError(f"{csv}: no such file; run snakemake --cores all first")
    print_table(csv)


def _datasets(config: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from vadbench.config import read_config_file
    from vadbench.plan import Plan

    plan = Plan(read_config_file(config))
    table = Table("data set", "family", "training clips", "test clips", "where")
    for name, section in plan.config.datasets.items():
        try:
            clips = plan.clips(name)
            counts = [str(len(clips["train"])), str(len(clips["test"]))]
        except VadbenchError as error:
            counts = ["-", f"not found: {error}"]
        table.add_row(name, section.family, *counts, str(plan.raw_root(name)))
    Console().print(table)


def _inspect(files: Sequence[Path], pictures: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from vadbench.artefacts import KINDS, open_artefact

    console = Console()
    for path in files:
        with open_artefact(path) as artefact:
            owner = artefact.identity
            where = f"{owner.dataset}, {owner.split}" + (f", {owner.clip}" if owner.clip else "")
            console.print(
                f"[bold]{path}[/bold]: {artefact.kind} of {where}", highlight=False, soft_wrap=True
            )
            console.print(f"frames     {artefact.n_frames}", highlight=False, soft_wrap=True)
            console.print(f"digest     {artefact.digest}", highlight=False, soft_wrap=True)
            console.print(
                f"settings   {json.dumps(artefact.settings)}", highlight=False, soft_wrap=True
            )
            console.print(
                f"code       {artefact.code or 'not recorded'}", highlight=False, soft_wrap=True
            )
            libraries = " ".join(f"{name} {v}" for name, v in artefact.libraries.items())
            console.print(f"libraries  {libraries}", highlight=False, soft_wrap=True)
            for source, digest in artefact.inputs.items():
                console.print(
                    f"made from  {source}  {digest[:16]}", highlight=False, soft_wrap=True
                )
            table = Table("field", "shape", "type", "stored", "meaning")
            kind = KINDS[artefact.kind]
            for name in artefact.fields:
                data = artefact[name]
                spec = kind.fields.get(name) or kind.prefixes[name.partition("/")[0]]
                stored = f"{data.id.get_storage_size() / 1e6:.2f} MB"
                table.add_row(name, str(data.shape), str(data.dtype), stored, spec.unit)
            console.print(table)
            if pictures is not None:
                if artefact.kind != "panels":
                    raise VadbenchError(
                        f"{path}: holds {artefact.kind}, which is not drawn; give --pictures a "
                        "panels.h5"
                    )
                from vadbench.report.panels import draw_panels

                settings = artefact.settings
                title = f"{settings['method']} {settings['variant']}, seed {settings['seed']}"
                for picture in draw_panels(artefact, pictures, title, None):
                    console.print(f"drawn      {picture}", highlight=False, soft_wrap=True)


def _fetch(what: str, names: Sequence[str]) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from vadbench.datasets import data_root
    from vadbench.datasets.sources import fetch_dataset
    from vadbench.weights import fetch_weights

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    for name in names:
        with Progress(*columns) as bar:
            task = bar.add_task(name, total=None)

            def tell(there: int, total: int | None, bar: Any = bar, task: Any = task) -> None:
                bar.update(task, completed=there, total=total)

            if what == "dataset":
                found = fetch_dataset(name, data_root(), tell)
            else:
                found = fetch_weights(name, tell)
        print(found)


def _schema() -> None:
    from vadbench.config import Config

    print(json.dumps(Config.model_json_schema(), indent=2, sort_keys=True))
