import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from vadbench.config import Config, load_config, read_config_file
from vadbench.datasets import raw_root
from vadbench.errors import VadbenchError
from vadbench.methods import get_method
from vadbench.plan import Plan, Run

PROJECT = Path(__file__).parents[2]


def demo() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "config.yaml").read_text())


@pytest.mark.parametrize("path", ["config.yaml", *(PROJECT / "workflow/configs").glob("*.yaml")])
def test_every_shipped_configuration_is_valid(path: str) -> None:
    assert read_config_file(PROJECT / path).methods


def test_the_schema_is_the_models() -> None:
    stored = json.loads((PROJECT / "workflow/schemas/config.schema.json").read_text())
    assert stored == Config.model_json_schema(), "run: make schema"


def test_every_setting_is_described() -> None:
    def undescribed(schema: dict[str, Any], name: str) -> list[str]:
        found = []
        for key, value in schema.get("properties", {}).items():
            if "description" not in value:
                found.append(f"{name}.{key}")
        return found

    schema = Config.model_json_schema()
    missing = undescribed(schema, "Config")
    for name, part in schema["$defs"].items():
        missing += undescribed(part, name)
    assert not missing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": [1]}, "seed: unknown key; did you mean 'seeds'?"),
        ({"seeds": "all"}, "seeds: input should be a valid list, found 'all'"),
        ({"seeds": []}, "seeds: list should have at least 1 item"),
        ({"precision": "fp16"}, "precision: 'fp16' is not possible; did you mean 'bf16'?"),
        ({"datasets": {}}, "datasets: dictionary should have at least 1 item"),
        (
            {"datasets": {"walkway": {"family": "walkway", "widht": 200}}},
            "datasets.walkway.widht: unknown key; did you mean 'width'?",
        ),
        (
            {"datasets": {"ped2": {"family": "ucsd", "subset": "ped3"}}},
            "datasets.ped2.subset: 'ped3' is not possible; did you mean 'ped",
        ),
        (
            {"flow": {"farneback": {"backend": "farnback"}}},
            "flow.farneback.backend: 'farnback' is not possible; did you mean 'farneback'?",
        ),
        (
            {"methods": {"hf2vad": {"cubes": "stc", "settings": {"flow": {"epoch": 1}}}}},
            "methods.hf2vad.settings.flow.epoch: unknown key; did you mean 'epochs'?",
        ),
        (
            {"methods": {"hf2vad": {"cubes": "stcs"}}},
            "methods.hf2vad.cubes: there is no cubes 'stcs'; did you mean 'stc'?",
        ),
        (
            {"methods": {"hf2vad": {"cubes": "stc", "datasets": ["walkwy"]}}},
            "methods.hf2vad.datasets: there is no data set 'walkwy'; did you mean 'walkway'?",
        ),
        (
            {"evaluation": {"protocols": ["hf2vd"]}},
            "evaluation.protocols: there is no protocol 'hf2vd'; did you mean 'hf2vad'?",
        ),
        ({"datasets": {"walkway": {}}}, "datasets.walkway: family is missing, one of avenue, "),
        (
            {"datasets": {"tables": {"family": "walkway"}}},
            "datasets.tables: results/tables is something else; take another name",
        ),
        (
            {"datasets": {"a b": {"family": "walkway"}}},
            "datasets.a b: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_+.-]*$'",
        ),
        (
            {"flow": {"farneback": {"units": "natve"}}},
            "flow.farneback.units: 'natve' is not possible; did you mean 'native'?",
        ),
        (
            {"flow": {"farneback": {"units": [1024, "x"]}}},
            "flow.farneback.units.1: input should be a valid integer",
        ),
        (
            {"methods": {"hf2vad": {"cubes": 5}}},
            "methods.hf2vad.cubes: input should be a valid string or a valid dictionary, found 5",
        ),
        (
            {"methods": {"hf2vad": {"cubes": {"walkway": 5}}}},
            "methods.hf2vad.cubes.walkway: input should be a valid string, found 5",
        ),
        (
            {"methods": {"hf2vad": {"cubes": {"walkway": "stc", "nothere": "stc"}}}},
            "methods.hf2vad.cubes: there is no data set or variant 'nothere'; there is: walkway, ",
        ),
        (
            {"methods": {"hf2vad": {"cubes": "stc", "views": "small"}}},
            "methods.hf2vad.views: the method reads cubes; name some with the key 'cubes' instead",
        ),
        (
            {"methods": {"hf2vad": {"cubes": "stc", "settings": {"weights": {"flow": 1}}}}},
            "methods.hf2vad.settings.weights.flow: 'flow' is not possible; there is: ",
        ),
        (
            {"objects": {"instances": {"source": "instances"}}},
            "source 'instances' needs a segmentation, by name",
        ),
    ],
)
def test_a_wrong_key_or_name_is_named_with_the_nearest(change: dict, message: str) -> None:
    with pytest.raises(VadbenchError) as caught:
        load_config(demo() | change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_errors_come_at_once() -> None:
    with pytest.raises(VadbenchError) as caught:
        load_config(demo() | {"seed": 1, "budgets": "cpu"})
    assert len(str(caught.value).splitlines()) == 2
    wrong = {
        "cubes": {"stc": {"flow": "farnebak"}, "other": {"objects": "a", "flow": "farneback"}},
        "methods": {"hf2va": {"cubes": "stc"}, "flow_duality": {"variants": ["ful", "full@b"]}},
    }
    with pytest.raises(VadbenchError) as caught:
        load_config(demo() | wrong)
    assert str(caught.value) == "cubes.stc.objects: is missing"
    wrong["cubes"]["stc"]["objects"] = "instances"
    with pytest.raises(VadbenchError) as caught:
        load_config(demo() | wrong)
    keys = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert keys == [
        "cubes.other.objects",
        "cubes.stc.flow",
        "methods",
        *["methods.flow_duality.variants"] * 2,
        "methods.flow_duality",
    ]


def test_a_number_is_a_precision() -> None:
    assert load_config(demo() | {"precision": 32}).precision == "32"


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("seeds: [0")
    with pytest.raises(VadbenchError, match=r"config\.yaml: not valid YAML"):
        read_config_file(path)
    path.write_text("- 1")
    with pytest.raises(VadbenchError, match="expected keys and values, found list"):
        read_config_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seeds: [0]  # caf\xe9\n".encode("latin-1"), r"config\.yaml: is no text in UTF-8 .*0xe9"),
        (b"seeds: " + 3000 * b"[" + 3000 * b"]", r"config\.yaml: .* nested more deeply than any"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(VadbenchError, match=message) as caught:
        read_config_file(path)
    assert "\n" not in str(caught.value)


def test_values_that_are_nested_too_deeply_are_refused() -> None:
    seeds: list = []
    for _ in range(5000):
        seeds = [seeds]
    with pytest.raises(VadbenchError, match="nested more deeply"):
        load_config({"seeds": seeds})


def test_a_file_without_data_sets_is_laid_over_config_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("budget.yaml").write_text("budget: cpu\nmethods: {hf2vad: {variants: [full]}}")
    with pytest.raises(VadbenchError, match=r"budget\.yaml: datasets: is missing"):
        read_config_file("budget.yaml")
    Path("config.yaml").write_text((PROJECT / "config.yaml").read_text())
    config = read_config_file("budget.yaml")
    assert (config.budget, list(config.datasets)) == ("cpu", ["walkway"])
    assert config.methods["hf2vad"].variants == ["full"]
    assert config.methods["hf2vad"].cubes == "stc"
    own = {"datasets": {"other": {"family": "walkway"}}, "methods": {"baselines": {"cubes": "stc"}}}
    Path("own.yaml").write_text(yaml.safe_dump(demo() | own))
    assert list(read_config_file("own.yaml").datasets) == ["other"]


def test_the_protocols_of_a_papers_tables_are_evaluated() -> None:
    config = load_config(demo() | {"evaluation": {"protocols": ["raw"]}})
    card = get_method("object_class_aware").card
    assert list(config.protocols_for(card)) == ["either_branch", "either_branch_unsmoothed", "raw"]
    assert list(config.protocols_for(get_method("flow_duality").card)) == ["flow_duality", "raw"]


def test_instances_that_were_dropped_before_are_not_asked_for() -> None:
    config = demo()
    config["segmentation"]["coco"] = {"backend": "maskrcnn"}
    config["objects"]["avenue"] = {
        "source": "instances",
        "segmentation": "coco",
        "confidence": 0.25,
    }
    with pytest.raises(
        VadbenchError,
        match=r"objects\.avenue\.confidence: 0\.25 is below "
        r"segmentation\.coco\.maskrcnn\.score_threshold, 0\.5",
    ):
        load_config(config)
    config["segmentation"]["coco"]["maskrcnn"] = {"score_threshold": 0.05}
    assert load_config(config).objects["avenue"].confidence == 0.25


def test_two_cubes_for_two_data_sets() -> None:
    config = demo()
    config["datasets"]["other"] = {"family": "walkway", "seed": 1}
    config["methods"]["hf2vad"]["cubes"] = {"walkway": "stc"}
    with pytest.raises(VadbenchError, match="names no cubes for the data set 'other'"):
        load_config(config)


@pytest.fixture
def plan() -> Plan:
    return Plan(load_config(demo()), root=Path("data"))


def test_variants_share_the_stages_that_they_have_in_common(plan: Plan) -> None:
    full = Run("walkway", "hf2vad", "full", 0)
    for variant, stages in {
        "full": ["flow", "cvae", "finetune"],
        "before_finetune": ["flow", "cvae"],
        "no_frame_prediction": ["flow"],
    }.items():
        run = Run("walkway", "hf2vad", variant, 0)
        assert plan.weights(run) == [f"{full.folder}/{stage}.safetensors" for stage in stages]


@pytest.mark.parametrize(
    ("method", "variant", "chosen", "last"),
    [
        ("hf2vad", "full", ["finetune"], ["flow", "cvae"]),
        ("flow_duality", "full", ["frame"], ["motion"]),
        ("object_class_aware", "full", ["appearance", "motion"], []),
        ("multitask_attention", "full", ["appearance", "motion"], []),
    ],
)
def test_the_best_epoch_is_that_of_all_stages_that_no_other_was_trained_on(
    method: str, variant: str, chosen: list[str], last: list[str]
) -> None:
    run = Run("walkway", method, variant, 0)
    for selection in ("best_test", "train_loss"):
        plan = Plan(load_config(demo() | {"selection": selection}), root=Path("data"))
        names = [Path(path).name for path in plan.weights(run, selection)]
        assert sorted(names) == sorted(
            [f"{stage}.{selection}.safetensors" for stage in chosen]
            + [f"{stage}.safetensors" for stage in last]
        )
        assert f"{selection}_test" in plan.scores(run)
        assert plan.selections(run) == ["last", selection]


def test_methods_without_a_seed_run_once() -> None:
    plan = Plan(load_config(demo() | {"seeds": [0, 1, 2]}), root=Path("data"))
    seeds = {
        name: [run.seed for run in plan.runs if run.method == name] for name in demo()["methods"]
    }
    assert seeds["baselines"] == [0]
    assert sorted(set(seeds["hf2vad"])) == [0, 1, 2]


def test_parameters_hold_their_own_settings_only(plan: Plan) -> None:
    run = Run("walkway", "hf2vad", "full", 0)
    before = {
        "train": [plan.train_params(run, stage) for stage in ("flow", "cvae", "finetune")],
        "score": plan.score_params(run),
        "evaluate": plan.evaluate_params(run),
        "flow": plan.flow_params("walkway", "farneback"),
        "cubes": plan.cubes_params("walkway", "stc"),
    }
    config = demo()
    config["methods"]["hf2vad"]["settings"] = {"cvae": {"learning_rate": 1e-3}}
    changed = Plan(load_config(config), root=Path("data"))
    assert changed.train_params(run, "flow") == before["train"][0]
    assert changed.train_params(run, "cvae") != before["train"][1]
    assert changed.train_params(run, "finetune") == before["train"][2]
    assert changed.score_params(run) == before["score"]
    assert changed.evaluate_params(run) == before["evaluate"]
    assert changed.flow_params("walkway", "farneback") == before["flow"]
    assert changed.cubes_params("walkway", "stc") == before["cubes"]


def test_the_budget_alone_does_not_touch_scores_or_cubes(plan: Plan) -> None:
    run = Run("walkway", "hf2vad", "full", 0)
    other = Plan(load_config(demo() | {"budget": "cpu"}), root=Path("data"))
    assert other.train_params(run, "flow") != plan.train_params(run, "flow")
    assert other.score_params(run) == plan.score_params(run)
    assert other.cubes_params("walkway", "stc") == plan.cubes_params("walkway", "stc")


def test_a_stage_that_a_variant_does_not_train_is_refused(plan: Plan) -> None:
    with pytest.raises(VadbenchError, match="before_finetune does not train a stage 'flow'"):
        plan.train_files(Run("walkway", "hf2vad", "before_finetune", 0), "flow")
    with pytest.raises(VadbenchError, match="hf2vad has no variant 'all'"):
        plan.weights(Run("walkway", "hf2vad", "all", 0))


def two_scenes(**method: Any) -> dict[str, Any]:
    config = demo()
    config["datasets"] = {name: {"family": "walkway", "seed": n} for n, name in enumerate("ab")}
    name = "flow_duality" if "views" in method else "hf2vad"
    config["methods"] = {name: method}
    return config


def test_what_was_trained_on_one_data_set_is_tested_on_another() -> None:
    plan = Plan(load_config(two_scenes(views="small", variants=["no_margin", "no_margin@a"])))
    crossed = Run("b", "flow_duality", "no_margin@a", 0)
    assert [run for run in plan.runs if "@" in run.variant] == [crossed]
    files = plan.score_files(crossed, "test")
    assert files["weights"] == [
        "results/a/flow_duality/full/seed0/motion.safetensors",
        "results/a/flow_duality/no_margin/seed0/frame.safetensors",
    ]
    assert files["views"][0].startswith("results/b/views/small/test/")
    # The motion network of a predicts the flow of b, once for all variants that read it.
    assert files["frozen"] == ["results/b/flow_duality/full@a/seed0/frozen/motion/test.h5"]
    frozen = plan.frozen_files(Run("b", "flow_duality", "full@a", 0), "motion", "test")
    assert frozen["weights"] == files["weights"][:1]
    assert plan.scores(crossed) == {
        "train": "results/a/flow_duality/no_margin/seed0/scores/train.h5",
        "test": "results/b/flow_duality/no_margin@a/seed0/scores/test.h5",
    }
    with pytest.raises(VadbenchError, match="does not train"):
        plan.train_files(crossed, "frame")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"views": "small", "variants": ["full@c"]}, "there is no data set 'c'"),
        ({"views": "small", "variants": ["ful@a"]}, "no variant 'ful'; did you mean 'full'?"),
        (
            {"cubes": "stc", "variants": ["whole_frame"]},
            "methods.hf2vad.cubes: the variant 'whole_frame' reads cubes of objects with source "
            "'frame', and 'stc' are others; name some with {whole_frame: NAME}",
        ),
    ],
)
def test_a_variant_that_cannot_run_says_why(method: dict[str, Any], message: str) -> None:
    with pytest.raises(VadbenchError) as caught:
        load_config(two_scenes(**method))
    assert message in str(caught.value)


def test_a_variant_may_read_cubes_of_its_own() -> None:
    config = two_scenes(cubes={"a": "stc", "b": "stc", "whole_frame": "whole"})
    config["methods"]["hf2vad"]["variants"] = ["full", "whole_frame"]
    config["objects"]["whole"] = {"source": "frame"}
    config["cubes"]["whole"] = {"objects": "whole", "flow": "farneback"}
    plan = Plan(load_config(config))
    for variant, name in (("full", "stc"), ("whole_frame", "whole")):
        (files,) = plan.run_inputs(Run("a", "hf2vad", variant, 0), "train").values()
        assert files[0] == f"results/a/cubes/{name}/train/train01.h5"


def test_only_methods_with_networks_ask_for_a_gpu(plan: Plan) -> None:
    trained = {run.method for run in plan.runs if plan.is_trained(run)}
    assert trained == {run.method for run in plan.runs} - {"baselines"}


def test_names_in_the_plan_do_not_say_where_copies_of_results_lie(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADBENCH_RESULTS", "elsewhere/results")
    assert plan.test_scenes("walkway")[0] == "results/walkway/scene/test/test01.h5"
    assert str(raw_root("walkway", "walkway")) == "elsewhere/results/walkway/scene"
