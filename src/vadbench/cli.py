"""The `vadbench` command: everything beside running the workflow."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vadbench import __version__
from vadbench.errors import VadbenchError

if TYPE_CHECKING:
    from vadbench.audit import Report
    from vadbench.config import Config
    from vadbench.datasets.survey import Survey
    from vadbench.scoring.foreign import Truth
    from vadbench.status import Status

__all__ = ["main"]

_EXAMPLES = {
    "table": """examples:
  vadbench table                          the table of the last run; what is stale by now is marked
  vadbench table --config workflow/configs/ped2.yaml
  vadbench table --csv other/benchmark.csv""",
    "report": """examples:
  vadbench report                       results/report/index.html of what there is
  vadbench report --config workflow/configs/ped2.yaml --output shown/report

Runs of the configuration that have no numbers are listed with the job that failed and its log.
A finished run has made the report already. The exit status is 0, also where runs are missing.""",
    "protocols": """examples:
  vadbench protocols                      every finished run of config.yaml under every protocol
  vadbench protocols results/ped2/hf2vad/full/seed0 --config workflow/configs/ped2.yaml --components
  vadbench protocols --protocol hf2vad --protocol AI-VAD --csv two.csv
  vadbench protocols --list               what each protocol does to scores

Raw scores are kept, so nothing is trained or scored again. docs/protocols.md says where each
protocol comes from.""",
    "evaluate": """examples:
  vadbench evaluate scores.npy --dataset ped2            every protocol, on labels below data/ or
                                                         below the folder VADBENCH_DATA names
  vadbench evaluate scores.csv --dataset ped2 --protocol hf2vad --train-scores train.csv
  vadbench evaluate scores.npz --labels labels.mat --protocol raw --json
  vadbench evaluate psnr.npy --dataset avenue --kind psnr --protocol future-frame
  vadbench evaluate scores.npy --labels frames.npy --lengths 180,180,150

Scores are one number a frame, higher for more abnormal frames: one vector for the whole test set in
the order of its clips, or one per clip.
  .csv   a column of numbers, or columns clip,frame,score (frame may be left out; the first may be
         called video or name)
  .npy   a vector, a matrix with a row per clip, or an object array of vectors
  .npz   a vector, or one per clip under its name
  .mat   a vector, a cell of vectors, or variables named after the clips
  .json  a list of numbers, of lists, or an object of lists by clip
Of a file that holds scores and labels under these names each takes its own. Labels are 0 and 1 in
the same formats, or intervals: a .csv of clip,first,last, .mat and .m files.

Scores may lack the frames that a protocol drops; the output says so. What does not fit, or is not
finite where it counts, is refused. A protocol that normalises by training scores leaves that out
without --train-scores, and says so. In --json a protocol has the name of `vadbench protocols
--list`, however it was written. The exit status is 1 if a protocol that was named, or all, were
refused.""",
    "datasets": """examples:
  vadbench datasets                     what config.yaml names
  VADBENCH_DATA=/data vadbench datasets --config workflow/configs/ped2.yaml --check
                                        decodes every frame and reads the labels
  vadbench datasets --published         every data set that others publish, and where to get it
  vadbench datasets --json | jq '.[] | select(.state != "complete") | .problems[]'

The exit status is 0 if every data set is complete, or rendered by the run, and 1 otherwise.""",
    "inspect": """examples:
  vadbench inspect results/walkway/flow/farneback/test/test01.h5
  vadbench inspect results/*/cubes/*/train/*.h5
  vadbench inspect results/walkway/hf2vad/full/seed0/{flow.safetensors,metrics.json}
  vadbench inspect results/walkway/hf2vad/full/seed0/panels.h5 --pictures pictures/
  vadbench inspect results/ped2/flow/farneback/test/Test004.h5 --pictures pictures/ \\
      --config workflow/configs/ped2.yaml""",
    "fetch": """examples:
  vadbench fetch dataset ucsd       into data/, or the folder that VADBENCH_DATA names
  vadbench fetch dataset avenue     says where to ask for it, and how it has to lie
  vadbench fetch weights maskrcnn_resnet50_fpn_v2 Intel/dpt-hybrid-midas resnet34 vgg16
                                    into weights/, or the folder that VADBENCH_WEIGHTS names
  vadbench fetch weights            lists what there is""",
    "cite": """examples:
  vadbench cite                     vadbench and the papers of config.yaml's methods, as BibTeX
  vadbench cite --config workflow/configs/ped2.yaml >> paper.bib""",
    "video": """examples:
  vadbench video results/walkway/hf2vad/full/seed0 test01
  vadbench video results/ped2/hf2vad/full/seed0 Test003 --config workflow/configs/ped2.yaml \\
      --output cyclist.mp4""",
    "doctor": """examples:
  vadbench doctor
  vadbench doctor --config workflow/configs/ped2.yaml   whether its data and weights are there

The exit status is 1 if a run of the configuration would stop at something, and 0 otherwise.""",
    "status": """examples:
  vadbench status                         how it stands with every run of config.yaml
  vadbench status --config workflow/configs/ped2.yaml
  vadbench status --json | jq '.runs[] | select(.state == "stale") | .reasons[]'
  vadbench status --why results/walkway/hf2vad/full/seed0/metrics.json
                                          every file behind it that would be made again, and why

The exit status is 0 if nothing failed. What is stale was computed with other settings, code or
files than those of now; it stays usable until a run makes it again.""",
    "audit": """examples:
  vadbench audit                          everything below results/
  vadbench audit results/ped2 --config workflow/configs/ped2.yaml
  vadbench audit results/walkway/flow/farneback/test/test01.h5
  vadbench audit --json | jq '.findings[]'
  vadbench audit --fix                    lists what has to go so that a run makes anew what is
                                          unsound, and what descends from it
  vadbench audit --fix --remove           removes that

The exit status is 0 if everything holds, and 1 otherwise.""",
    "freeze": """examples:
  vadbench freeze campaigns/2026-03       then cd campaigns/2026-03, and start the run there
  vadbench freeze ../ped2-run --config workflow/configs/ped2.yaml

The copy holds package, workflow and configuration as they are now, read-only. It shares results,
logs, data and weights with this folder: what it makes is there, and this folder may be edited while
its jobs run. Remove it when the run is done.""",
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
        "--csv", type=Path, help="another long table than results/tables/benchmark.csv"
    )
    table.add_argument(
        "--config",
        type=Path,
        default=Path("config.yaml"),
        help="YAML file of the run, by which stale numbers are told",
    )
    report = add("report", "build the report of what there is, also after a run that failed")
    report.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    report.add_argument(
        "--output", type=Path, default=Path("results/report"), help="the report's folder"
    )
    protocols = add("protocols", "evaluate the raw scores of finished runs under every protocol")
    protocols.add_argument(
        "runs", nargs="*", metavar="RUN", help="results/<dataset>/<method>/<variant>/seed<seed>"
    )
    protocols.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    protocols.add_argument(
        "--protocol", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    protocols.add_argument(
        "--components", action="store_true", help="show the parts of fused scores, too"
    )
    protocols.add_argument("--csv", type=Path, metavar="FILE", help="write the long table there")
    protocols.add_argument("--list", action="store_true", help="list the protocols and stop")
    scores = add("evaluate", "evaluate frame scores of other programs under any protocol")
    scores.add_argument("scores", type=Path, metavar="SCORES", help=".csv, .npy, .npz, .mat, .json")
    truth = scores.add_mutually_exclusive_group(required=True)
    truth.add_argument(
        "--dataset",
        metavar="NAME",
        help="labels of a data set of the configuration, or of ped1, ped2, avenue, shanghaitech, "
        "ucf_crime",
    )
    truth.add_argument("--labels", type=Path, metavar="FILE", help="labels from a file")
    scores.add_argument(
        "--protocol", action="append", default=[], metavar="NAME", help="all if none; repeatable"
    )
    scores.add_argument(
        "--train-scores", type=Path, metavar="FILE", help="scores of normal training frames"
    )
    scores.add_argument(
        "--kind",
        choices=["score", "error", "psnr"],
        default="score",
        help="what the numbers are: a score of any scale; a mean or sum of squared errors, of "
        "which protocols that scale PSNR take it; a PSNR in dB, lower for more abnormal frames",
    )
    scores.add_argument(
        "--lengths",
        type=_lengths,
        metavar="N,N,...",
        help="frames of each clip, where the file of labels does not tell",
    )
    scores.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    scores.add_argument("--json", action="store_true", help="print JSON in place of a table")
    datasets = add("datasets", "list data sets: what is there, what is missing, what is damaged")
    datasets.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    datasets.add_argument(
        "--published",
        action="store_true",
        help="list the data sets that others publish, not those of the configuration",
    )
    datasets.add_argument(
        "--check",
        action="store_true",
        help="decode every frame of every clip and read the labels; what is damaged is named by "
        "clip and frame",
    )
    datasets.add_argument("--json", action="store_true", help="print JSON in place of a table")
    inspect = add("inspect", "say what an artefact is, what it holds and what it was made from")
    inspect.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help=".h5, .safetensors or .json"
    )
    inspect.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="draw what an artefact holds into PNG files there",
    )
    inspect.add_argument(
        "--config",
        type=Path,
        default=Path("config.yaml"),
        help="YAML file that names the data set, for the frames in pictures",
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
        "names",
        nargs="*",
        metavar="NAME",
        help="a data set's family, such as ucsd or avenue; a network's weights; without any, what "
        "there is",
    )
    cite = add("cite", "print references of vadbench and of the papers whose methods a run is of")
    cite.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    doctor = add("doctor", "check Python, packages, GPU, disk, data and weights; say what to do")
    doctor.add_argument("--config", type=Path, default=Path("config.yaml"), help="YAML file")
    status = add("status", "show what is done, running, stale (and why), missing and failed")
    status.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config.yaml")],
        metavar="FILE",
        help="YAML files, as given to snakemake --configfile",
    )
    status.add_argument(
        "--why", metavar="TARGET", help="say why a file would be made again, and what before it"
    )
    status.add_argument("--json", action="store_true", help="print JSON in place of a table")
    audit = add("audit", "re-read results and check that all holds, down to raw frames and labels")
    audit.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="files or folders; results if none"
    )
    audit.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config.yaml")],
        metavar="FILE",
        help="YAML files that name the data sets, as given to snakemake --configfile",
    )
    audit.add_argument("--json", action="store_true", help="print JSON in place of a table")
    audit.add_argument(
        "--fix",
        action="store_true",
        help="list what has to be removed so that the next run makes anew what is unsound",
    )
    audit.add_argument("--remove", action="store_true", help="with --fix: remove it")
    freeze = add(
        "freeze", "copy code, workflow and configuration for a run that edits cannot change"
    )
    freeze.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a folder that is not there yet"
    )
    freeze.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="configuration files beside config.yaml and workflow/configs",
    )
    add("schema", "print the JSON schema of config.yaml")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Returns:
        0 if all went well, 1 after an error that the user can mend, or where data is missing.
    """
    if arguments is None:
        from vadbench.freeze import use_frozen_library

        use_frozen_library(sys.argv[1:])
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "table":
            _table(chosen.csv, chosen.config)
        elif chosen.command == "report":
            _report(chosen.config, chosen.output)
        elif chosen.command == "protocols":
            _protocols(chosen)
        elif chosen.command == "evaluate":
            return _evaluate(chosen)
        elif chosen.command == "datasets":
            return _datasets(chosen.config, chosen.published, chosen.check, chosen.json)
        elif chosen.command == "inspect":
            _inspect(chosen.files, chosen.pictures, chosen.config)
        elif chosen.command == "video":
            from vadbench.report.video import write_run_video

            print(
                write_run_video(
                    chosen.run, chosen.clip, chosen.config, chosen.protocol, chosen.output
                )
            )
        elif chosen.command == "fetch":
            if chosen.names:
                _fetch(chosen.what, chosen.names)
            else:
                _list_published(chosen.what)
        elif chosen.command == "cite":
            _cite(chosen.config)
        elif chosen.command == "doctor":
            return _doctor(chosen.config)
        elif chosen.command == "status":
            return _status(chosen.config, chosen.why, chosen.json)
        elif chosen.command == "audit":
            paths = chosen.paths or [Path("results")]
            return _audit(paths, chosen.config, chosen.json, chosen.fix, chosen.remove)
        elif chosen.command == "freeze":
            _freeze(chosen.folder, chosen.config)
        elif chosen.command == "schema":
            _schema()
        sys.stdout.flush()
    except VadbenchError as error:
        print(f"vadbench: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever reads has read enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        # No right to read or write, a file in place of a folder, a full disk.
        print(f"vadbench: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _table(csv: Path | None, config: Path) -> None:
    from vadbench.config import read_config_file
    from vadbench.plan import Plan
    from vadbench.report.end import tell_success
    from vadbench.vectors import require_file

    path = csv or Path("results/tables/benchmark.csv")
    if path.is_dir():
        require_file(path)
    if not path.is_file():
        raise VadbenchError(f"{path}: no such file; run snakemake --cores all first")
    # Of a table from elsewhere nobody knows here what it was made from.
    known = csv is None and (config.is_file() or config != Path("config.yaml"))
    plan = Plan(read_config_file(config)) if known else None
    tell_success(path, plan)


def _report(config: Path, folder: Path) -> None:
    from vadbench.config import read_config_file
    from vadbench.plan import Plan
    from vadbench.report.end import report_now

    if folder.exists() and not (folder / "index.html").is_file() and any(folder.iterdir()):
        raise VadbenchError(f"{folder}: is no report, and would be replaced; name another folder")
    report_now(Plan(read_config_file(config)), folder)


def _lengths(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}: expected frames of each clip as 180,180,150")
    return [int(part) for part in parts]


def _config_if_any(path: Path) -> "Config | None":
    """The configuration; outside of a project's folder there is no config.yaml, and need not be."""
    from vadbench.config import read_config_file

    return read_config_file(path) if path.is_file() or path != Path("config.yaml") else None


def _protocols(chosen: argparse.Namespace) -> None:
    from vadbench.report.protocols import choose_protocols
    from vadbench.scoring.protocol import PROTOCOLS

    if chosen.list:
        config = _config_if_any(chosen.config)
        known = config.all_protocols() if config is not None else PROTOCOLS
        for name, protocol in choose_protocols(known, chosen.protocol).items():
            print(f"{name}: {protocol.words()}")
        return
    from rich.console import Console

    from vadbench.config import read_config_file
    from vadbench.plan import Plan
    from vadbench.report.protocols import compute_matrix, print_matrix
    from vadbench.report.table import write_table

    config = read_config_file(chosen.config)
    with Console(stderr=True).status("reading scores") as status:
        table = compute_matrix(Plan(config), chosen.runs, chosen.protocol, status.update)
    print_matrix(table, config.all_protocols(), components=chosen.components)
    if chosen.csv is not None:
        write_table(table, chosen.csv)
        print(chosen.csv)


def _evaluate(chosen: argparse.Namespace) -> int:
    from vadbench.report.foreign import print_scores
    from vadbench.report.protocols import choose_protocols
    from vadbench.scoring.foreign import evaluate_scores, labels_from_file
    from vadbench.scoring.protocol import PROTOCOLS
    from vadbench.vectors import read_vectors

    config = _config_if_any(chosen.config)
    protocols = choose_protocols(
        config.all_protocols() if config is not None else PROTOCOLS, chosen.protocol
    )
    scores = read_vectors(chosen.scores)
    train = read_vectors(chosen.train_scores) if chosen.train_scores is not None else None
    if chosen.labels is not None:
        truth = labels_from_file(chosen.labels, scores, chosen.lengths)
    elif chosen.lengths is not None:
        raise VadbenchError("--lengths goes with --labels; a data set knows its own")
    else:
        truth = _truth(config, chosen.config, chosen.dataset)
    records, refused = evaluate_scores(scores, truth, protocols, train, chosen.kind)
    if chosen.json:
        print(json.dumps(records, indent=1, allow_nan=False))
    elif records:
        print_scores(records, truth)
    for item in refused:
        print(f"vadbench: {item.protocol} not evaluated: {item.reason}", file=sys.stderr)
    return 1 if refused and (chosen.protocol or not records) else 0


def _truth(config: "Config | None", path: Path, name: str) -> "Truth":
    """Reads the labels of a data set of the configuration, or of a published one."""
    from vadbench.datasets import raw_root, read_labels
    from vadbench.datasets.survey import PUBLISHED
    from vadbench.methods import nearest
    from vadbench.scoring.foreign import Truth

    known = {**PUBLISHED, **(config.datasets if config is not None else {})}
    if name not in known:
        who = f"{path} and the published ones" if config is not None else "the published data sets"
        raise VadbenchError(f"there is no data set {name!r} in {who}{nearest(name, list(known))}")
    section = known[name]
    labels = read_labels(section, raw_root(section.family, name))
    if not labels.known:
        raise VadbenchError(f"{name} has no labels to evaluate against")
    return Truth(labels.clips, labels.source, labels.sha256, section.paper_name, labels.warnings)


def _datasets(config: Path, published: bool, check: bool, as_json: bool) -> int:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    from vadbench.config import read_config_file
    from vadbench.datasets import data_root
    from vadbench.datasets.survey import PUBLISHED, survey
    from vadbench.plan import Plan

    if published:
        wanted = [(name, section, data_root()) for name, section in PUBLISHED.items()]
    else:
        plan = Plan(read_config_file(config))
        wanted = [(name, s, plan.raw_root(name)) for name, s in plan.config.datasets.items()]
    errors = Console(stderr=True)
    columns = (SpinnerColumn(), "{task.description}", TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not check) as bar:
        task = bar.add_task("")

        def tell(clip: str) -> None:
            bar.update(task, description=clip)

        found = [survey(name, section, root, check, tell) for name, section, root in wanted]
    if as_json:
        print(json.dumps([item.plain() for item in found], indent=1))
    else:
        _print_surveys(found)
    return 0 if all(item.state in {"complete", "rendered"} for item in found) else 1


def _print_surveys(found: "Sequence[Survey]") -> None:
    from rich.table import Table

    from vadbench.report.terminal import open_console

    def clips(item: "Survey", split: str) -> str:
        names = item.train if split == "train" else item.test
        if split not in item.frames:
            return str(len(names)) if names else "-"
        return f"{len(names)}, {item.frames[split]:,} frames"

    def labels(item: "Survey") -> str:
        if len(item.labels) < 2:
            return "".join(item.labels) or "-"
        return f"{item.labels[0]} and {len(item.labels) - 1} more"

    console = open_console()
    table = Table("data set", "family", "state", "training clips", "test clips", "labels", "in")
    for item in found:
        whole = item.state == "complete" and item.checked is not None
        state = "complete, decoded" if whole else item.state
        counts = [clips(item, split) for split in ("train", "test")]
        table.add_row(item.name, item.family, state, *counts, labels(item), item.folder)
    console.print(table, highlight=False)
    for item in found:
        lines = [*item.problems, *(f"warning: {text}" for text in item.warnings)]
        if item.state == "missing" and item.page:
            lines.append(f"it comes from {item.page}\nand has to lie as {item.layout}")
        for line in lines:
            console.print(f"{item.name}: {line}", highlight=False, markup=False, soft_wrap=True)


def _inspect(files: Sequence[Path], pictures: Path | None, config: Path) -> None:
    from vadbench.report.inspect import inspect
    from vadbench.report.terminal import open_console

    console = open_console()
    for path in files:
        inspect(console, path, pictures, config)


def _doctor(config: Path) -> int:
    from rich.text import Text

    from vadbench.doctor import examine
    from vadbench.report.terminal import open_console

    signs = {
        "ok": Text("ok  ", "green"),
        "note": Text("note", "yellow"),
        "fault": Text("no  ", "red"),
    }
    console = open_console()
    sound = True
    for finding in examine(config):
        first, *more = finding.found.splitlines()
        # Text, since what was found may look like markup; and whole lines, to be copied.
        console.print(
            Text("  ").join([signs[finding.state], Text(f"{finding.what:<20}"), Text(first)]),
            soft_wrap=True,
        )
        for line in [*more, *(f"-> {item.strip()}" for item in finding.advice.splitlines())]:
            console.print(Text(f"{'':26}{line}"), soft_wrap=True)
        sound = sound and finding.state != "fault"
    return 0 if sound else 1


def _fetch(what: str, names: Sequence[str]) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn

    from vadbench.datasets import data_root
    from vadbench.datasets.sources import fetch_dataset
    from vadbench.weights import fetch_weights

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    for name in names:
        # It is shown when the first bytes came, which a refusal has none of.
        with ExitStack() as shown:
            bar = Progress(*columns, console=console)
            task = bar.add_task(name, total=None)

            def tell(
                there: int,
                total: int | None,
                bar: Progress = bar,
                task: TaskID = task,
                shown: ExitStack = shown,
            ) -> None:
                if not bar.live.is_started:
                    shown.enter_context(bar)
                bar.update(task, completed=there, total=total)

            progress = tell if console.is_terminal else None
            if what == "dataset":
                found = fetch_dataset(name, data_root(), progress)
            else:
                found = fetch_weights(name, progress)
        print(found)


def _list_published(what: str) -> None:
    from vadbench.datasets.sources import SOURCES
    from vadbench.weights import WEIGHTS

    if what == "dataset":
        shown = {
            name: source.url or f"on request: {source.page}" for name, source in SOURCES.items()
        }
    else:
        shown = {name: entry.what for name, entry in WEIGHTS.items()}
    width = max(map(len, shown))
    for name, words in shown.items():
        print(f"{name:<{width}}  {words}")


def _cite(config: Path) -> None:
    from vadbench.config import read_config_file
    from vadbench.report.cite import bibtex

    print(bibtex(read_config_file(config).methods))


def _status(configs: Sequence[Path], why: str | None, as_json: bool) -> int:
    from vadbench.config import read_config_file
    from vadbench.plan import Plan
    from vadbench.status import survey

    plan = Plan(read_config_file(*configs))
    if why:
        # The plan's own spelling, whatever way the shell completed it.
        why = Path(os.path.relpath(why)).as_posix()
    status = survey(plan, [why] if why else ())
    if as_json:
        print(json.dumps(status.plain(), indent=1))
    elif why:
        _print_why(status, why)
    else:
        _print_status(status)
    return int(any(state.state == "failed" for state in status.artefacts.values()))


def _print_status(status: "Status") -> None:
    from rich.table import Table
    from rich.text import Text

    from vadbench.report.terminal import open_console

    colours = {"done": "green", "running": "blue", "stale": "yellow", "failed": "red"}
    table = Table("data set", "method", "variant", "seed", "state", "why")
    for run, state in status.runs.items():
        lines = [*state.reasons[:3]]
        if len(state.reasons) > 3:
            lines.append(f"and {len(state.reasons) - 3} more: vadbench status --why")
        if state.log:
            lines.append(state.log)
        name = Text(state.state, colours.get(state.state, ""))
        about = (run.dataset, run.method, run.variant, str(run.seed))
        table.add_row(*about, name, Text("\n".join(lines)))
    console = open_console()
    console.print(table)
    counts = Counter(state.state for state in status.artefacts.values())
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    console.print(f"{len(status.artefacts)} files: {words}", highlight=False)
    if status.reruns:
        rules = Counter(job.rule for job in status.reruns)
        words = ", ".join(f"{count} {rule}" for rule, count in rules.items())
        console.print(f"a run would start {len(status.reruns)} jobs: {words}", highlight=False)


def _print_why(status: "Status", target: str) -> None:
    state = status.artefacts[target]
    print(f"{target}: {state.state}")
    for words in state.reasons:
        print(f"  {words}")
    if not status.reruns:
        print("a run would not make it again")
        return
    rules = Counter(job.rule for job in status.reruns)
    print(f"a run would start {', '.join(f'{count} {rule}' for rule, count in rules.items())}:")
    for words in status.causes:
        print(f"  {words}")


def _audit(
    paths: Sequence[Path], configs: Sequence[Path], as_json: bool, fix: bool, removing: bool
) -> int:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    from vadbench.audit import audit, descendants, remove
    from vadbench.config import read_config_file
    from vadbench.plan import Plan

    if removing and not fix:
        raise VadbenchError("--remove goes with --fix, which without it lists what would go")
    plan = Plan(read_config_file(*configs))
    errors = Console(stderr=True)
    columns = (SpinnerColumn(), "{task.description}", TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("")
        report = audit(paths, plan, lambda path: bar.update(task, description=str(path)))
    gone = descendants(plan, report.unsound) if fix else []
    if as_json:
        print(json.dumps(report.plain() | ({"to_remove": gone} if fix else {}), indent=1))
    else:
        _print_audit(report)
    for path in gone:
        if removing:
            remove(Path(path))
        if not as_json:
            print(f"{'removed' if removing else 'would remove'}  {path}")
    return 1 if report.findings else 0


def _print_audit(report: "Report") -> None:
    from rich.table import Table
    from rich.text import Text

    from vadbench.report.terminal import open_console

    console = open_console()
    if report.findings:
        table = Table("file", "what is wrong")
        for finding in report.findings:
            table.add_row(Text(finding.path, overflow="fold"), Text(finding.problem))
        console.print(table)
    for note in report.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    count = sum(report.files.values())
    kinds = ", ".join(f"{number} {ending}" for ending, number in sorted(report.files.items()))
    words = f"{count} files ({kinds}), {report.size / 1e6:.1f} MB"
    unsound = len(report.unsound)
    print(f"{words}: {f'{unsound} unsound' if unsound else 'all sound'}")


def _freeze(folder: Path, configs: Sequence[Path]) -> None:
    from vadbench.freeze import freeze

    copied = freeze(folder, configs)
    # Snakemake takes the last of several --configfile only.
    names = "".join(f" {path.relative_to(folder)}" for path in copied)
    given = f" --configfile{names}" if names else ""
    print(f"frozen; start the run with\n  cd {folder} && snakemake --cores all{given}")


def _schema() -> None:
    from vadbench.config import Config

    print(json.dumps(Config.model_json_schema(), indent=2, sort_keys=True))
