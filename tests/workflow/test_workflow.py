import base64
import copy
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import PROJECT, SMALL, Tree
from vadbench.artefacts import file_digest, open_artefact
from vadbench.scoring.protocol import PROTOCOLS

CLIPS = 4
CUBES_ON = {
    "cut_cubes": CLIPS,
    "apply_frozen": 2,
    "train": 3,
    "score": 6,
    "evaluate": 3,
    "draw_curves": 3,
    "tabulate": 1,
    "count_cost": 2,
    "build_report": 1,
}


def test_from_nothing_to_the_table(finished: Tree) -> None:
    table = pd.read_csv(finished.folder / "results/tables/benchmark.csv")
    assert set(table["method"]) == {"hf2vad", "baselines"}
    assert set(table.loc[table["method"] == "hf2vad", "variant"]) == {"full", "no_frame_prediction"}
    auc = table.loc[table["metric"] == "auc_micro", "value"]
    assert len(auc)
    assert auc.between(0, 1).all()
    assert table["labels_sha256"].str.len().eq(64).all()
    assert {"eer", "average_precision", "f1", "rbdc", "tbdc", "tpr"} <= set(table["metric"])
    inside = table[table["low"].notna()]
    assert set(inside["metric"]) >= {"auc_micro", "rbdc"}
    assert (inside["low"] <= inside["high"]).all()
    protocols = pd.read_csv(finished.folder / "results/tables/protocols.csv")
    assert set(protocols["protocol"]) == set(PROTOCOLS)
    assert set(protocols["metric"]) <= {"auc_micro", "auc_macro"}
    # The two tables hold the same number where they speak of the same.
    keys = ["method", "variant", "seed", "selection", "score", "protocol", "metric"]
    both = table.merge(protocols, on=keys, suffixes=("", "_matrix"))
    assert len(both)
    assert (both["value"] == both["value_matrix"]).all()
    run = finished.folder / "results/walkway/hf2vad/full/seed0"
    assert sorted(item.name for item in (run / "curves").glob("*.png")) == [
        "test01.png",
        "test02.png",
    ]
    for stage in ("flow", "cvae", "finetune"):
        assert (run / f"{stage}.safetensors").is_file()


def test_one_command_evaluates_finished_runs_under_every_protocol(
    finished: Tree, tmp_path: Path
) -> None:
    written = tmp_path / "protocols.csv"
    command = [sys.executable, "-m", "vadbench", "protocols", "--csv", str(written)]
    result = subprocess.run(
        command, cwd=finished.folder, check=True, capture_output=True, text=True
    )
    assert "either_branch" in result.stdout
    expected = (finished.folder / "results/tables/protocols.csv").read_text()
    assert written.read_text() == expected


def test_every_rule_leaves_a_log_and_a_timing(finished: Tree) -> None:
    for rule in (
        "render_scene",
        "check_clip",
        "index",
        "find_regions",
        "segment",
        "compute_flow",
        "find_objects",
        "cut_cubes",
        "train",
        "apply_frozen",
        "score",
        "evaluate",
        "tabulate",
        "draw_curves",
        "count_cost",
        "draw_thumbnails",
        "build_report",
    ):
        assert list((finished.folder / "logs").glob(f"{rule}*")), rule
        assert list((finished.folder / "results/timings").glob(f"{rule}*")), rule


def test_a_second_run_does_nothing(finished: Tree) -> None:
    assert not finished.planned()


def test_the_default_profile_is_applied_by_itself(finished: Tree) -> None:
    assert "workflow specific profile profiles/default" in finished.run("-n").stderr


def test_a_file_that_a_kill_left_incomplete_is_made_again(tree: Tree) -> None:
    path = "results/walkway/objects/both/test/test01.h5"
    name = base64.b64encode(path.encode()).decode()
    (tree.folder / ".snakemake/incomplete" / name).write_text("")
    assert tree.planned()["find_objects"] == 1


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("flow", "farneback", "farneback"), {"winsize": 13}, {"compute_flow": CLIPS} | CUBES_ON),
        (("objects", "both", "binary_threshold"), 25, {"find_objects": CLIPS} | CUBES_ON),
        (
            ("methods", "hf2vad", "settings", "cvae", "learning_rate"),
            2e-4,
            {
                "train": 2,
                "score": 2,
                "evaluate": 1,
                "draw_curves": 1,
                "tabulate": 1,
                "count_cost": 1,
                "build_report": 1,
            },
        ),
        (
            ("evaluation",),
            {"protocols": ["hf2vad", "raw", "mine"], "custom": {"mine": {}}},
            {"evaluate": 3, "draw_curves": 3, "tabulate": 1, "build_report": 1},
        ),
        (("seeds",), [0], {}),
        (("memory_gb",), 2.0, {}),
    ],
)
def test_a_setting_reruns_what_depends_on_it_and_nothing_else(
    tree: Tree, path: tuple[str, ...], value: object, expected: dict[str, int]
) -> None:
    config = copy.deepcopy(SMALL)
    section = config
    for key in path[:-1]:
        section = section.setdefault(key, {})
    section[path[-1]] = value
    tree.configure(config)
    assert dict(tree.planned()) == expected


def test_frames_are_pictured_and_a_clip_becomes_a_video(tree: Tree) -> None:
    tree.configure(copy.deepcopy(SMALL) | {"panels": {"frames": 1}})
    expected = {"explain": 2, "explain_kinds": 2, "draw_panels": 2, "draw_variants": 1}
    expected["build_report"] = 1
    assert dict(tree.planned()) == expected
    tree.run()
    run = "results/walkway/hf2vad/full/seed0"
    high, low = sorted((tree.folder / run / "panels").glob("*.png"))
    assert (high.name[:3], low.name[:3]) == ("01_", "02_")
    for picture in (high, low, tree.folder / "results/walkway/hf2vad/variants/seed0/variants.png"):
        image = cv2.imread(str(picture))
        assert image.std() > 10, picture
    with open_artefact(tree.folder / run / "panels.h5", "panels") as panels:
        assert panels["frame_scores"][0] > panels["frame_scores"][1]
        assert panels["picture/flow_reconstruction/target/flow"].shape == (2, 32, 32, 2)
        clip = str(panels["clips"].asstr()[0])
    command = [sys.executable, "-m", "vadbench", "video", run, clip, "--output", "seen.mp4"]
    subprocess.run(command, cwd=tree.folder, check=True)
    video = cv2.VideoCapture(str(tree.folder / "seen.mp4"))
    frames = []
    while (found := video.read())[0]:
        frames.append(found[1])
    assert len(frames) == SMALL["datasets"]["walkway"]["frames"]
    assert frames[0].shape[1] >= 480
    # The cursor moves on through the score.
    assert (frames[0][-60:] != frames[-1][-60:]).any()
    assert not [item for item in tree.folder.iterdir() if "part" in item.name]


def test_a_lost_file_is_made_again_with_the_same_content(tree: Tree) -> None:
    path = tree.folder / "results/walkway/cubes/stc/train/train01.h5"
    before = file_digest(path)
    path.unlink()
    tree.run("results/walkway/cubes/stc/train/train01.h5")
    assert file_digest(path) == before


@pytest.mark.parametrize("selection", ["best_test", "train_loss"])
def test_the_epoch_that_is_chosen_stands_beside_the_last(tree: Tree, selection: str) -> None:
    config = copy.deepcopy(SMALL) | {"selection": selection}
    # The variant of one stage: with `full`, three would be trained again.
    config["methods"]["hf2vad"]["variants"] = ["no_frame_prediction"]
    tree.configure(config)
    method = tree.folder / "results/walkway/hf2vad"
    # It takes over the stage that it shares with `full`.
    weights = method / "full/seed0/flow.safetensors"
    scores = method / "no_frame_prediction/seed0/scores/test.h5"
    before = file_digest(scores)
    tree.run()
    table = pd.read_csv(tree.folder / "results/tables/benchmark.csv")
    selections = table.groupby("method")["selection"].unique()
    assert set(selections["hf2vad"]) == {"last", selection}
    assert set(selections["baselines"]) == {"last"}
    assert weights.with_suffix(f".{selection}.safetensors").is_file()
    assert file_digest(scores) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budgets": "cpu"}, "budgets: unknown key; did you mean 'budget'?"),
        ({"budget": "gpu"}, "budget: 'gpu' is not possible; did you mean 'cpu'?"),
        ({"methods": {"hf2vat": {"cubes": "stc"}}}, "there is no method 'hf2vat'; did you mean"),
        (
            {"methods": {"hf2vad": {"cubes": "stc", "variants": ["ful"]}}},
            "methods.hf2vad.variants: there is no variant 'ful'; did you mean 'full'?",
        ),
        (
            {"datasets": {"walkway": {"family": "walkwey"}}},
            "datasets.walkway.family: there is no data set family 'walkwey'; did you mean",
        ),
        (
            {"cubes": {"stc": {"objects": "both", "flow": "farnebak"}}},
            "cubes.stc.flow: there is no flow 'farnebak'; did you mean 'farneback'?",
        ),
        ({"seeds": ["one"]}, "seeds.0: input should be a valid integer"),
    ],
)
def test_a_wrong_configuration_ends_in_one_readable_message(
    finished: Tree, tmp_path: Path, change: dict, message: str
) -> None:
    tree = Tree(tmp_path / "project")
    tree.configure(copy.deepcopy(SMALL) | change)
    result = tree.run("-n", check=False)
    assert result.returncode != 0
    text = result.stdout + result.stderr
    assert message in text
    assert "Traceback" not in text


def test_the_conda_environment_finds_the_project_from_where_pip_runs() -> None:
    environment = yaml.safe_load((PROJECT / "envs/vadbench.yaml").read_text())
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    places = {option: PROJECT / ".snakemake/conda" / path for option, path in map(str.split, pip)}
    assert Path(os.path.normpath(places["-c"])) == PROJECT / "constraints.txt"
    assert Path(os.path.normpath(places["-e"].as_posix().removesuffix("[flow]"))) == PROJECT


@pytest.mark.slow
def test_no_untrained_baseline_solves_the_scene(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "project")
    config = yaml.safe_load((PROJECT / "config.yaml").read_text())
    config["datasets"] = {
        f"walkway{seed}": {"family": "walkway", "seed": seed} for seed in range(3)
    }
    config["methods"] = {"baselines": config["methods"]["baselines"]}
    tree.configure(config)
    tree.run("results/tables/benchmark.csv")
    table = pd.read_csv(tree.folder / "results/tables/benchmark.csv")
    auc = table[table["metric"] == "auc_micro"]
    assert set(auc["dataset"]) == set(config["datasets"])
    assert auc["value"].max() < 0.85, auc.sort_values("value").tail(3)


def test_boxes_of_a_folder_of_csv_files_are_read_clip_by_clip(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "project")
    for clip in ("train/a", "test/b", "test/c"):
        folder = tree.folder / "data/own" / clip
        folder.mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.png"), np.full((24, 32, 3), number, np.uint8))
    boxes = tree.folder / "data/boxes"
    boxes.mkdir()
    (boxes / "b.csv").write_text("frame,x1,y1,x2,y2\n1,2,3,20,15\n")
    (boxes / "c.csv").write_text("frame,x1,y1,x2,y2\n")
    tree.configure(
        {
            "datasets": {"own": {"family": "folder", "path": "own"}},
            "flow": {"farneback": {"backend": "farneback"}},
            "objects": {
                "csv": {"source": "import", "import_path": {"train": "boxes", "test": "boxes"}}
            },
            "cubes": {"stc": {"objects": "csv", "flow": "farneback"}},
            "methods": {"baselines": {"cubes": "stc"}},
            "seeds": [0],
            "budget": "cpu-demo",
        }
    )
    target = "results/own/objects/csv/test/b.h5"
    tree.run(target)
    with open_artefact(tree.folder / target) as artefact:
        assert artefact["boxes"][:].tolist() == [[2, 3, 20, 15]]
        assert set(artefact.inputs) == {"results/own/clips/test/b.json", "data/boxes/b.csv"}
    (boxes / "c.csv").write_text("frame,x1,y1,x2,y2\n0,1,1,9,9\n")
    assert not tree.planned(target)
    (boxes / "b.csv").unlink()
    assert "data/boxes/b.csv: cannot be read" in tree.run(target, check=False).stderr
