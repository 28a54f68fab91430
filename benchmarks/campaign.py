"""What a campaign costs: jobs' hours on this project's machine, GPU hours, and disk.

    python benchmarks/campaign.py                    every variant, on four data sets
    python benchmarks/campaign.py --methods          each method itself, without variants
    python benchmarks/campaign.py --configfile workflow/configs/ped2.yaml

Takes which networks are trained on what, for how many epochs, from the configuration (budget
`paper`, three seeds), and multiplies by rates and sizes of docs/measurements.md, which were
measured on two cores of a processor. What was not measured is left out and said
so, and what had to be assumed is printed with the result.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from vadbench.config import Config, load_config
from vadbench.datasets.sections import SECTIONS
from vadbench.methods import get_method
from vadbench.plan import Plan, Run

PROJECT = Path(__file__).parents[1]
DATASETS: dict[str, dict[str, Any]] = {
    "ped1": {"family": "ucsd", "subset": "ped1"},
    "ped2": {"family": "ucsd", "subset": "ped2"},
    "avenue": {"family": "avenue", "training": "official"},
    "shanghaitech": {"family": "shanghaitech"},
}
PIXELS = {"ped1": 238 * 158, "ped2": 360 * 240, "avenue": 640 * 360, "shanghaitech": 856 * 480}
SHANGHAITECH = {"train": 274_515, "test": 40_791}
CUBES = {"train": 31_089 / 2_550, "test": 34_715 / 2_010}
"""Objects of a frame: VEC's boxes on Ped2."""

# Cubes or frames a second on two cores, docs/measurements.md.
TRAINING = {
    ("hf2vad", "flow"): 360.0,
    ("hf2vad", "cvae"): 98.5,
    ("hf2vad", "finetune"): 31_089 / 1_189,
    ("amsrc", "predict"): 183.0,
    ("flow_duality", "motion"): 2.9,
    ("flow_duality", "frame"): 3.5,
    ("object_class_aware", "appearance"): 17.0,
    ("object_class_aware", "motion"): 17.9,
    ("multitask_attention", "appearance"): 13.9,
    ("multitask_attention", "motion"): 5.2,
}
SCORING = {"hf2vad": 164.0, "amsrc": 665.0, "flow_duality": 5.5}
APPLYING = {("hf2vad", "flow"): (31_089 + 34_715) / 335, ("flow_duality", "motion"): 5.2}
# Frames a second of one core.
PREPARING = {"flow": 128.0, "cubes": 480.0, "views": 230.0}
GPU = (47 / 5.5, 77 / 5.2)
"""Frames a second of flow_duality's detection and prediction: its paper's GTX 1080 Ti, and here."""

# Bytes on disk; those of HF2-VAD and the flow as a run on Ped2 left them.
FLOW_PIXEL = 1_422_239_959 / (4_560 * PIXELS["ped2"])
CUBE = 1_153_357_968 / 65_804
FROZEN = 718_428_660 / 65_804
VIEW = 147_000 / 256**2
HF2VAD = {"flow": 241_034_424, "cvae": 35_998_032, "finetune": 277_030_312}


def frames(name: str, section: dict[str, Any]) -> dict[str, int]:
    """Published number of frames of each split of a data set."""
    if section["family"] == "shanghaitech":
        return SHANGHAITECH
    counts = SECTIONS[section["family"]](**section).official_counts()
    if not counts or set(counts) != {"train", "test"}:
        raise SystemExit(f"{name}: no published number of frames; see DATASETS in this file")
    return {split: sum(numbers) for split, numbers in counts.items()}


def samples(config: Config, run: Run, split: str, counts: dict[str, dict[str, int]]) -> float:
    """Cubes or frames of a split that a run reads."""
    if get_method(run.method).reads == "views":
        return counts[run.dataset][split]
    cubes = config.cubes[config.input_of(run.method, run.dataset, run.base)]
    whole = config.objects[cubes.objects].source == "frame"
    return counts[run.dataset][split] * (1 if whole else CUBES[split])


def cost(config: Config, counts: dict[str, dict[str, int]]) -> tuple[Counter[Any], Counter[Any]]:
    """Hours on two cores and gigabytes, by data set and kind of work."""
    plan, hours, disk = Plan(config), Counter[Any](), Counter[Any]()
    done: set[Any] = set()

    def once(*key: Any) -> bool:
        new = key not in done
        done.add(key)
        return new

    for run in plan.runs:
        method, at = get_method(run.method), run.dataset
        if not method.variants[run.base].stages:
            continue  # Untrained baselines take seconds.
        for stage, trainer in method.variants[run.base].stages.items():
            owner = Run(at, run.method, trainer, run.seed)
            if once("train", owner, stage):
                epochs = getattr(plan.settings(owner), stage).epochs
                seen = epochs * samples(config, owner, "train", counts)
                hours[at, "training"] += seen / TRAINING[run.method, stage] / 3600
                if run.method == "hf2vad":
                    disk[at, "weights"] += HF2VAD[stage] / 1e9
        for reader in (None, *method.variants[run.base].stages):
            if (frozen := method.frozen(run.base, reader)) is None:
                continue
            owner = Run(at, run.method, method.variants[run.base].stages[frozen], run.seed)
            # Scoring reads both splits, a later stage what it is trained on.
            for split in ("train", "test") if reader is None else ("train",):
                if once("apply", owner, frozen, split):
                    made = samples(config, owner, split, counts)
                    hours[at, "applying"] += made / APPLYING[run.method, frozen] / 3600
                    if run.method == "hf2vad":
                        disk[at, "frozen"] += made * FROZEN / 1e9
        last = list(method.variants[run.base].stages)[-1]
        rate = SCORING.get(run.method, TRAINING[run.method, last])
        read = sum(samples(config, run, split, counts) for split in ("train", "test"))
        hours[at, "scoring"] += read / rate / 3600
        name = config.input_of(run.method, at, run.base)
        total = sum(counts[at].values())
        if method.reads == "cubes":
            flow = config.cubes[name].flow
            if once("cubes", at, name):
                hours[at, "preparing"] += total / PREPARING["cubes"] / 3600
                disk[at, "cubes"] += read * CUBE / 1e9
        else:
            views = config.views[name]
            flow = views.flow
            if once("views", at, name):
                hours[at, "preparing"] += total / PREPARING["views"] / 3600
                disk[at, "views"] += total * VIEW * views.size**2 / 1e9
        if flow and once("flow", at, flow):
            hours[at, "preparing"] += total / PREPARING["flow"] / 3600
            disk[at, "flow"] += total * FLOW_PIXEL * PIXELS[at] / 1e9
    return hours, disk


def show(title: str, unit: str, amounts: Counter[Any]) -> Table:
    kinds = list(dict.fromkeys(kind for _, kind in amounts))
    table = Table("data set", *kinds, "all", title=f"{title}, {unit}")
    rows = list(dict.fromkeys(at for at, _ in amounts))
    for at in rows:
        values = [amounts[at, kind] for kind in kinds]
        table.add_row(at, *(f"{value:,.1f}" for value in [*values, sum(values)]))
    sums = [sum(amounts[at, kind] for at in rows) for kind in kinds]
    table.add_row("all", *(f"{value:,.1f}" for value in [*sums, sum(sums)]))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configfile", type=Path, help="default: paper.yaml on four data sets")
    parser.add_argument("--methods", action="store_true", help="each method itself, no variants")
    options = parser.parse_args()
    path = options.configfile or PROJECT / "workflow/configs/paper.yaml"
    raw = yaml.safe_load(path.read_text()) | {"budget": "paper"}
    if options.configfile is None:
        raw["datasets"] = DATASETS
        stc = dict.fromkeys(DATASETS, "stc")
        raw["methods"]["hf2vad"]["cubes"] = {**stc, "whole_frame": "whole"}
    if options.methods:
        for section in raw["methods"].values():
            section.pop("variants", None)
    config = load_config(raw)
    unknown = [name for name in config.datasets if name not in PIXELS]
    if unknown:
        raise SystemExit(f"{path}: no size of frames is known of {', '.join(unknown)}; add it here")
    counts = {name: frames(name, raw["datasets"][name]) for name in config.datasets}
    hours, disk = cost(config, counts)
    console = Console()
    console.print(show("time", "hours on two cores", hours))
    networks = sum(value for (_, kind), value in hours.items() if kind != "preparing")
    fast, slow = (networks / ratio for ratio in reversed(GPU))
    console.print(
        f"the networks' {networks:,.0f} hours are {fast:,.0f} to {slow:,.0f} of a GPU that is "
        f"{GPU[0]:.1f} to {GPU[1]:.1f} times as fast as these two cores"
    )
    console.print(show("disk", "GB", disk))
    console.print(
        "assumed: objects of a frame as VEC's boxes on Ped2 "
        f"({CUBES['train']:.1f} in training, {CUBES['test']:.1f} in test clips); flow "
        f"{FLOW_PIXEL:.2f} bytes a pixel as Farneback's on Ped2; a frame scored as fast as one of "
        "the last stage is trained on, where scoring was not measured; a GPU's share the same for "
        "every network. Not counted: teachers that are networks, weights and outputs "
        "of frozen stages of other methods than hf2vad, pictures, start of jobs"
    )


if __name__ == "__main__":
    main()
