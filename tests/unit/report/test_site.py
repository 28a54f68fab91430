import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import save_file

from tests.trees import SCRIPTS, SIZES, config_of, make_tree
from vadbench.artefacts import ArtefactWriter, Identity, file_digest
from vadbench.audit import Finding, Report
from vadbench.cli import main
from vadbench.config import load_config
from vadbench.datasets.index import load_json, write_json
from vadbench.errors import VadbenchError
from vadbench.jobs import Jobs
from vadbench.plan import Plan, Run
from vadbench.report.site import build, failures
from vadbench.report.site.build import build_site
from vadbench.report.site.curves import roc
from vadbench.report.site.numbers import every_number
from vadbench.report.site.provenance import describe
from vadbench.report.summary import add_status, short_table, summarise
from vadbench.report.thumbnails import plan_sheet
from vadbench.scoring.scores import Scores
from vadbench.status import State, Status

HOSTILE = "clip \"<script>alert(1)\" & 'more' <!--"
ERROR = "<script>alert('log')</script> & <b>bold</b>"
LOG = "logs/train/mine/flow_duality/full/seed1/motion.log"


class Page(HTMLParser):
    """Tags with their attributes, and what scripts hold."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.text = path.read_text()
        self._in_script = False
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A tree in which one run failed, with a hostile message, and one never started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("tree"))
        made = make_tree(
            config_of(["mine"], ["hf2vad", "flow_duality", "baselines"], [0, 1]),
            {"mine": {"first": 40, "second": 50}},
            pictures=True,
            raw=True,
            leave_out=lambda run: run.method == "flow_duality",
        )
        first = Path(made.metrics(next(run for run in made.runs if run.method == "hf2vad")))
        metrics = load_json(first)
        metrics["matrix"][0]["note"] = "<b>bold, one class"
        write_json(metrics, first)
        Path(LOG).parent.mkdir(parents=True)
        Path(LOG).write_text(f"2026-01-01 00:00:00 ERROR {ERROR}\n")
        made.tree = Path.cwd()  # type: ignore[attr-defined]
        build_site(made)
    return made


@pytest.fixture
def site(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(plan.tree)  # type: ignore[attr-defined]
    return Path("results/report")


def test_every_link_leads_somewhere_in_the_site_and_nothing_is_fetched_elsewhere(
    site: Path,
) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    assert len(pages) == 9
    for path, page in pages.items():
        for tag, attributes in page.tags:
            link = attributes.get("href") or attributes.get("src")
            parts = urlsplit(link or "")
            if parts.scheme:
                is_link = tag == "a" and parts.scheme == "https"
                assert is_link or link == "data:,", (path, link)
            elif link:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                assert target.is_file(), (path, link)
                if parts.fragment and target in pages:
                    ids = {other.get("id") for _, other in pages[target].tags}
                    assert unquote(parts.fragment) in ids, (path, link)


def test_names_are_text_and_never_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that raw data may not have may still be in an index that somebody else made."""
    monkeypatch.chdir(tmp_path)
    clips = {"mine": {HOSTILE: 40, "second": 50}}
    build_site(make_tree(config_of(["mine"], ["hf2vad"], [0]), clips, pictures=True))
    site = Path("results/report")
    for path in site.rglob("*.html"):
        page = Page(path)
        assert "<script>alert" not in page.text
        assert "<b>bold" not in page.text
        for content in page.scripts:
            assert "</script" not in content
            assert "<!--" not in content
    shown = Page(site / "runs/mine/hf2vad.html")
    (data,) = [json.loads(content) for content in shown.scripts if content.strip()]
    assert [clip["name"] for clip in data["clips"]] == [HOSTILE, "second"]


def test_messages_are_text_and_never_markup(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = Page(path)
        assert "<script>alert" not in page.text
        assert "<b>bold" not in page.text
    failures = (site / "failures.html").read_text()
    assert "&lt;script&gt;alert(&#39;log&#39;)&lt;/script&gt; &amp; &lt;b&gt;" in failures


def test_a_run_without_numbers_has_a_row_that_says_which_job_failed(plan: Plan, site: Path) -> None:
    index = (site / "index.html").read_text()
    assert "not there yet (seed 0); failed: train (seed 1)" in index
    failures = (site / "failures.html").read_text()
    assert LOG in failures
    assert "results/mine/flow_duality/full/seed1/motion.safetensors" in failures
    for name in ("benchmark.md", "benchmark.tex"):
        assert "failed: train" in (site / "tables" / name).read_text()
    table = pd.read_csv(site / "tables/benchmark.csv")
    assert set(table["method"]) == {"hf2vad", "baselines"}


def test_a_page_answers_for_its_numbers(plan: Plan, site: Path) -> None:
    page = (site / "runs/mine/hf2vad.html").read_text()
    for run in plan.runs:
        if run.method == "hf2vad":
            metrics = load_json(plan.metrics(run))
            assert metrics["labels"]["sha256"] in page
            assert metrics["scores"]["last"] in page
            assert f'id="{run.variant}-seed{run.seed}"' in page
            assert plan.score_params(run)["code"] in page
    assert "normalise: &#34;train_z&#34;" in page


def test_the_matrix_of_protocols_names_labels_and_notes(plan: Plan, site: Path) -> None:
    page = (site / "protocols.html").read_text()
    table = pd.read_csv(site / "tables/protocols.csv", keep_default_na=False)
    assert table["labels_sha256"].tolist() == ["ab" * 32] * len(table)
    assert "ab" * 32 in page
    assert "&lt;b&gt;bold, one class (hf2vad)" in page


def test_notes_and_thresholds_of_every_seed_are_shown() -> None:
    about = {"variant": "full", "score": "fused", "selection": "last", "protocol": "p"}
    about |= {"low": None, "high": None}
    tpr, limit = {"metric": "tpr", "paper": 0.5}, {"metric": "f1_threshold", "paper": float("nan")}
    records = [
        about | tpr | {"seed": 0, "value": 0.4, "note": "above 1.2"},
        about | tpr | {"seed": 1, "value": 0.5, "note": "above 3.4"},
        about | limit | {"seed": 0, "value": 7.5, "note": "one class"},
        about | limit | {"seed": 1, "value": 8.5, "note": "one class"},
    ]
    rows = {row["metric"]: row for row in every_number(pd.DataFrame(records))}
    assert rows["tpr"]["note"] == "seed 0: above 1.2; seed 1: above 3.4"
    assert rows["tpr"]["difference"] == pytest.approx(-0.05)
    assert rows["f1_threshold"]["note"] == "seed 0: 7.5; seed 1: 8.5"
    assert not rows["f1_threshold"]["is_share"]
    records[1]["note"] = "above 1.2"
    rows = {row["metric"]: row for row in every_number(pd.DataFrame(records))}
    assert rows["tpr"]["note"] == "above 1.2"


@pytest.mark.parametrize("sound", [True, False])
def test_the_last_audit_is_reported(
    sound: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_tree(config_of(["mine"], ["baselines"], [0]), {"mine": {"one": 40}})
    page = Path("results/report/provenance.html")
    build_site(plan)
    assert "None was made" in page.read_text()
    findings = [] if sound else [Finding("results/<i>.h5", "<b>bold is wrong")]
    report = Report(findings, {".h5": 1200, ".json": 34}, 5, ["no <u> raw frames"])
    write_json(report.plain(), Path("results/audit.json"))
    os.utime("results/audit.json", (86400 * 365.5, 86400 * 365.5))
    build_site(plan)
    text = page.read_text()
    assert "1,234 files were read again on 1971-01-01" in text
    assert "1 of the runs below have been evaluated since" in text
    assert ("&lt;b&gt;bold is wrong" in text) == (not sound)
    assert ("not sound" in text) == (not sound)
    assert "no &lt;u&gt; raw frames" in text
    assert "<b>bold" not in text


def test_last_and_best_epoch_are_described_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_tree(config_of(["mine"], ["amsrc"], [0]), {"mine": {"one": 40}})
    (run,) = plan.runs
    (stage,) = plan.stages(run)
    digests = {}
    for selection, facts in {"last": {}, "best_test": {"epoch": 6, "test_auc": 0.876}}.items():
        (path,) = map(Path, plan.weights(run, selection))
        about = {"settings": {stage: {"epochs": 60}}, "code": selection} | facts
        zeros = {"weight": np.full(3, len(selection), np.float32)}
        save_file(zeros, path, {"vadbench": json.dumps(about)})
        digests[selection] = file_digest(path)
        folder = Path(run.folder) / ("scores" if selection == "last" else "best_test/scores")
        scores = Scores.of_frames(["one"], [40], {"prediction_error": np.arange(40.0)})
        scores.save(folder / "test.h5", Identity("mine", "test"), settings={}, inputs=[path])
    metrics = load_json(plan.metrics(run))
    other = [record | {"selection": "best_test", "value": 0.9753} for record in metrics["records"]]
    metrics["records"] += other
    metrics["scores"] = {"last": "1a" * 32, "best_test": "b2" * 32}
    write_json(metrics, Path(plan.metrics(run)))
    build_site(plan)
    page = Path("results/report/runs/mine/amsrc.html").read_text()
    provenance = page[page.index('id="provenance"') :]
    last, best = provenance.split("Best epoch", 1)
    assert "epoch 60 of 60" in last
    assert "chosen" not in last
    assert digests["last"] in last
    assert "1a" * 32 in last
    assert "epoch 7 of 60, chosen by its AUC of 87.6 on the test set" in best
    assert digests["best_test"] in best
    assert digests["last"] not in best
    assert "b2" * 32 in best
    assert "97.5 fused" in best
    table = Path("results/report/provenance.html").read_text()
    assert "last, 60</td>" in table
    assert "best, 7</td>" in table


def test_an_epoch_chosen_by_its_training_loss_is_not_marked_as_chosen_on_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = config_of(["mine"], ["amsrc"], [0])
    make_tree(config, {"mine": {"one": 40}})
    plan = Plan(load_config(config | {"selection": "train_loss"}))
    (run,) = plan.runs
    (path,) = map(Path, plan.weights(run, "train_loss"))
    about = {"settings": {"predict": {"epochs": 60}}, "epoch": 6, "train_loss": 0.125}
    save_file({"weight": np.zeros(3, np.float32)}, path, {"vadbench": json.dumps(about)})
    scores = Scores.of_frames(["one"], [40], {"prediction_error": np.arange(40.0)})
    place = Path(plan.scores(run)["train_loss_test"])
    assert place == Path(run.folder) / "train_loss/scores/test.h5"
    scores.save(place, Identity("mine", "test"), settings={}, inputs=[path])
    metrics = load_json(plan.metrics(run))
    metrics["records"] += [item | {"selection": "train_loss"} for item in metrics["records"]]
    metrics["scores"]["train_loss"] = "c3" * 32
    write_json(metrics, Path(plan.metrics(run)))
    build_site(plan)
    page = Path("results/report/runs/mine/amsrc.html").read_text()
    assert "epoch 7 of 60, chosen by its training loss of 0.125" in page
    assert 'warn">test labels' not in page
    assert '<span class="pill">train loss</span>' in page
    assert "epoch of the lowest training loss" in Path("results/report/index.html").read_text()


def test_the_digest_of_a_configuration_is_of_what_the_files_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_tree(config_of(["mine"], ["amsrc"], [0, 1]), {"mine": {"one": 40}})
    run, other = plan.runs
    source = Path("results/mine/flow/dis/test/one.h5")
    scores = Scores.of_frames(["one"], [40], {"prediction_error": np.arange(40.0)})
    owner = Identity("mine", "test")

    def digest(run: Run, size: int) -> str:
        with ArtefactWriter(source, "flow", owner, 1, settings={"size": size}) as made:
            made.append("flow", np.zeros((1, 4, 4, 2)))
        place = Path(run.folder) / "scores/test.h5"
        scores.save(place, owner, settings={"batch": 2}, inputs=[source])
        return str(describe(plan, run, load_json(plan.metrics(run)))["configuration"])

    first = digest(run, 32)
    assert digest(run, 32) == first
    assert digest(run, 64) != first, "the settings of what the scores were made from"
    assert digest(other, 32) != first, "the seed"
    build_site(plan)
    assert first in Path("results/report/runs/mine/amsrc.html").read_text()


def test_of_branches_that_are_chosen_apart_each_ones_epoch_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_tree(config_of(["mine"], ["object_class_aware"], [0]), {"mine": {"one": 40}})
    (run,) = plan.runs
    paths = list(map(Path, plan.weights(run, "best_test")))
    for stage, path, epoch in zip(plan.stages(run), paths, (6, 1), strict=True):
        about = {"settings": {stage: {"epochs": 60}}, "epoch": epoch, "test_auc": 0.876}
        save_file({"weight": np.zeros(3, np.float32)}, path, {"vadbench": json.dumps(about)})
    scores = Scores.of_frames(["one"], [40], {"prediction_error": np.arange(40.0)})
    place = Path(run.folder) / "best_test/scores/test.h5"
    scores.save(place, Identity("mine", "test"), settings={}, inputs=paths)
    metrics = load_json(plan.metrics(run))
    metrics["scores"]["best_test"] = "b2" * 32
    write_json(metrics, Path(plan.metrics(run)))
    build_site(plan)
    page = Path("results/report/runs/mine/object_class_aware.html").read_text()
    best = page[page.index('id="provenance"') :].split("Best epoch", 1)[1]
    for epoch, path in zip((7, 2), paths, strict=True):
        assert f"epoch {epoch} of 60, chosen by its AUC of 87.6 on the test set" in best
        assert file_digest(path) in best
    first, second = plan.stages(run)
    table = Path("results/report/provenance.html").read_text()
    assert f"best, 7 ({first}), 2 ({second})</td>" in table


def test_a_number_names_machine_commit_and_code_of_its_own_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_tree(config_of(["mine"], ["hf2vad"], [0]), {"mine": {"one": 40}})
    (run,) = plan.runs
    facts = {"host": "node7", "processor": "<b>bold", "GPU": "H100", "started": "at noon"}
    stage = plan.stages(run)[0]
    for job in (f"train/mine/hf2vad/full/seed0/{stage}", "evaluate/mine/hf2vad/full/seed0"):
        timing = Path(f"results/timings/{job}.tsv")
        timing.parent.mkdir(parents=True, exist_ok=True)
        timing.write_text("s\tmax_rss\n12.5\t100\n")
        record = Path(f"logs/{job}.json")
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(facts | {"commit": "c0ffee" * 6 + "cafe"}))
    metrics = load_json(plan.metrics(run)) | {"code": "0fc0de", "libraries": {"numpy": "9.9.9"}}
    write_json(metrics, Path(plan.metrics(run)))
    build_site(plan)
    where = "node7, H100, &lt;b&gt;bold"
    page = Path("results/report/runs/mine/hf2vad.html").read_text()
    assert f"evaluate: 12.5 s on {where}, from at noon, commit" in page
    assert f"train {stage}: 12.5 s on {where}" in page
    assert "c0ffeec0ffee" in page
    assert "0fc0de" in page
    assert "numpy 9.9.9" in page
    assert where in Path("results/report/provenance.html").read_text()
    assert where in Path("results/report/cost.html").read_text()


def test_results_below_another_root_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where results are in object storage, Snakemake has local copies below a folder of its own."""
    monkeypatch.chdir(tmp_path)
    config = config_of(["mine"], ["hf2vad", "baselines"], [0])
    plan = make_tree(config, {"mine": {"one": 40}}, pictures=True)
    variants = Path("results/mine/hf2vad/variants/seed0")
    variants.mkdir(parents=True)
    shutil.copy(next(Path("results").rglob("*.png")), variants / "variants.png")
    copies = Path(".snakemake/storage/s3/bucket")
    copies.mkdir(parents=True)
    Path("results").rename(copies / "results")
    monkeypatch.setenv("VADBENCH_RESULTS", f"{copies}/results")
    found = build_site(plan, Path("report"))
    assert not found.standing.missing
    assert Path("report/runs/mine/hf2vad/r0/0.js").is_file()
    assert Path("report/runs/mine/hf2vad/r0/panel0.png").is_file()
    assert Path("report/runs/mine/hf2vad/variants.png").is_file()
    assert Path("report/datasets/mine/0.jpg").is_file()
    page = Path("report/runs/mine/hf2vad.html").read_text()
    assert plan.score_params(plan.runs[0])["code"] in page


def test_curves_are_the_protocols_frame_scores(plan: Plan, site: Path) -> None:
    text = (site / "runs/mine/hf2vad/r0/0.js").read_text()
    found = re.fullmatch(r'vadbench\.clip\("r0/0",(.*)\);\n', text)
    assert found is not None
    content = json.loads(found[1])
    assert content["first"] == 4
    names = ["fused", "flow_reconstruction", "frame_prediction"]
    assert list(content["scores"]) == names
    assert {len(values) for values in content["scores"].values()} == {36}


def test_a_damaged_file_is_said_and_the_rest_is_reported(
    plan: Plan, site: Path, tmp_path: Path
) -> None:
    run = next(run for run in plan.runs if run.method == "hf2vad")
    scores = Path(plan.scores(run)["test"])
    before = scores.read_bytes()
    try:
        scores.write_bytes(before[: len(before) // 2])
        build_site(plan, tmp_path / "report")
    finally:
        scores.write_bytes(before)
    page = (tmp_path / "report/runs/mine/hf2vad.html").read_text()
    assert "not a readable HDF5 file" in page


def test_a_report_that_cannot_be_built_leaves_the_one_before(
    plan: Plan, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (site / "index.html").read_text()

    def fail(*words: object) -> None:
        raise VadbenchError("no space left")

    monkeypatch.setattr(build, "describe", fail)
    with pytest.raises(VadbenchError, match="no space left"):
        build_site(plan)
    assert (site / "index.html").read_text() == before
    assert not list(site.parent.glob(".report*"))


def test_nothing_at_all_is_reported_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(config_of(["mine"], ["hf2vad", "baselines"], [0]))
    plan = Plan(config, scripts=SCRIPTS)
    found = build_site(plan)
    assert len(found.standing.missing) == 2
    assert "mine" in found.standing.blind
    assert found.index.read_text().count("not there yet") >= 2


def test_the_first_page_of_the_whole_benchmark_is_light(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weight depends on methods, data sets and seeds, not on the clips' lengths."""
    monkeypatch.chdir(tmp_path)
    methods = ["hf2vad", "amsrc", "flow_duality", "object_class_aware", "multitask_attention"]
    sizes = {name: {"one": 30, "two": 30} for name in SIZES}
    config = config_of(list(SIZES), methods, [0, 1, 2], evaluation={"protocols": []})
    index = build_site(make_tree(config, sizes)).index
    page = Page(index)
    links = [found.get("src") or found.get("href") for tag, found in page.tags if tag != "a"]
    local = [index.parent / link for link in links if link and not urlsplit(link).scheme]
    assert {path.name for path in local} == {"report.css", "report.js"}
    assert sum(path.stat().st_size for path in [index, *local]) < 200_000
    assert page.text.count("<tr data-dataset") == 20


def test_a_thinned_roc_keeps_its_area() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(5000) < 0.3).astype(np.uint8)
    scores = truth + rng.normal(size=5000)
    wrong, right = roc(truth, scores)
    order = np.argsort(scores)
    ranks = np.empty(5000)
    ranks[order] = np.arange(1, 5001)
    n = int(truth.sum())
    expected = (ranks[truth == 1].sum() - n * (n + 1) / 2) / (n * (5000 - n))
    assert len(wrong) <= 300
    assert (wrong[0], right[0], wrong[-1], right[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(right, wrong) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("n_frames", [1, 63, 64, 65, 1439])
def test_a_sheet_samples_a_clip_from_end_to_end(n_frames: int) -> None:
    sheet = plan_sheet(n_frames, 480, 856)
    assert sheet.count <= 64
    assert (sheet.count - 1) * sheet.step < n_frames <= sheet.count * sheet.step
    assert sheet.width / sheet.height == pytest.approx(856 / 480, rel=0.02)


def test_the_short_table_has_mean_deviation_interval_and_difference() -> None:
    about = {"dataset": "ped2", "method": "m", "variant": "full", "score": "fused"}
    about |= {"selection": "last", "budget": "cpu", "protocol": "p", "default_protocol": "p"}
    about |= {"metric": "auc_micro", "paper": 0.9, "paper_table": "Table 1"}
    about |= {"labels_source": "ped2.m", "labels_sha256": "ab" * 32}
    table = pd.DataFrame(
        [
            about | {"seed": 0, "value": 0.80, "low": 0.7, "high": 0.9},
            about | {"seed": 1, "value": 0.84, "low": 0.74, "high": 0.94},
            about | {"seed": 0, "value": 0.1, "low": 0, "high": 1, "protocol": "other"},
        ]
    )
    (row,) = short_table(summarise(table)).to_dict("records")
    assert row["AUC"] == "82.0 ± 2.8"
    assert row["95 % interval"] == "72.0 to 92.0"
    assert (row["paper"], row["difference"], row["seeds"]) == ("90.0", "-8.0", "2")
    assert (row["protocol"], row["labels"]) == ("p", "ab" * 6)
    without = short_table(summarise(table.drop(columns=["low", "high"])))
    assert without["95 % interval"].tolist() == [""]
    missing = {
        ("ped2", "m", "full"): {2: "failed: train"},
        ("ped2", "m", "vae"): {0: "not there yet"},
    }
    whole = add_status(summarise(table), missing, "cpu")
    assert whole["status"].tolist() == ["failed: train (seed 2)", "not there yet (seed 0)"]
    short = short_table(whole)
    assert short["AUC"].tolist() == ["82.0 ± 2.8", ""]
    assert short["status"].tolist() == ["failed: train (seed 2)", "not there yet (seed 0)"]


@pytest.fixture
def one_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A tree of two methods in which one number of seed 1 is stale."""
    monkeypatch.chdir(tmp_path)
    config = config_of(["mine"], ["hf2vad", "amsrc"], [0, 1])
    Path("config.yaml").write_text(yaml.safe_dump(config))
    Path("workflow").symlink_to(SCRIPTS.parent)
    plan = make_tree(config, {"mine": {"one": 40}}, raw=True)

    def found(plan: Plan, targets: list[str]) -> Status:
        jobs = [path for job in Jobs(plan, targets) for path in job.outputs]
        states = {run: State("done") for run in plan.runs}
        (changed,) = [run for run in plan.runs if (run.method, run.seed) == ("amsrc", 1)]
        states[changed] = State("stale", ("its <code> changed",))
        return Status(dict.fromkeys(jobs, State("done")), states)

    monkeypatch.setattr(failures, "survey", found)
    return plan


def test_stale_numbers_are_marked_and_no_others(one_stale: Plan) -> None:
    index = build_site(one_stale).index
    page = index.read_text()
    glance, everything = page.split('id="all"')
    mark = '<span class="pill warn" title="its &lt;code&gt; changed">stale</span>'
    rows = re.findall(r"<tr>.*?</tr>", glance, re.S)
    assert [row.count(mark) for row in rows if "hf2vad" in row] == [0]
    assert [row.count(mark) for row in rows if "amsrc" in row] == [1]
    rows = re.findall(r"<tr data-dataset=.*?</tr>", everything, re.S)
    marked = {re.search(r'data-method="(\w+)"', row)[1]: mark in row for row in rows}  # type: ignore[index]
    assert marked == {"hf2vad": False, "amsrc": True}
    page = (index.parent / "runs/mine/amsrc.html").read_text()
    summaries = re.findall(r"<summary>([^<]*seed \d[^<]*)(<span[^>]*>stale)?", page)
    assert {name.strip(): bool(found) for name, found in summaries} == {
        "full, seed 0": False,
        "full, seed 1": True,
    }
    table = pd.read_csv(index.parent / "tables/summary.csv", keep_default_na=False)
    assert dict(zip(table["method"], table["status"], strict=True)) == {
        "hf2vad": "",
        "amsrc": "stale (seed 1)",
    }


def test_the_table_on_the_terminal_marks_what_is_stale(
    one_stale: Plan, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    build_site(one_stale)
    shutil.copytree("results/report/tables", "results/tables")
    assert main(["table"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "stale (seed 1)" in line] == ["amsrc"]
    assert any("protocols  hf2vad: hf2vad, amsrc" in line for line in lines)
    assert any("ab" * 32 in line for line in lines)
    # Of a table from elsewhere nobody knows here what it was made from.
    assert main(["table", "--csv", "results/report/tables/benchmark.csv"]) == 0
    assert "stale" not in capsys.readouterr().out
