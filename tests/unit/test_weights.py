"""Published weights, fetched from a hub on loopback and found again by a plan."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from vadbench import weights
from vadbench.cli import main
from vadbench.config import load_config
from vadbench.errors import VadbenchError
from vadbench.plan import Plan, Run, open_plan
from vadbench.teachers.depth.settings import DPTSettings
from vadbench.weights import WEIGHTS, HubWeights, Weights, fetch_weights, verify_weights

BIG = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BIG).hexdigest()
MODEL = "Intel/dpt-hybrid-midas"
FILES = ["config.json", "preprocessor_config.json", "model.safetensors"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serves each small file by itself and each large one by a store; tells what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = BIG if "safetensors" in self.path else f'{{"at": "{self.path}"}}'.encode()
            if self.path.endswith(".safetensors"):
                self.send_response(302)
                self.send_header("X-Linked-ETag", f'"{SHA256}"')
                self.send_header("Location", f"{self.path}?from=store")
                content = b""
            else:
                self.send_response(200)
                name = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                self.send_header("ETag", f'"{name}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path / "weights"))
        yield asked
        running.shutdown()


def small(monkeypatch: pytest.MonkeyPatch, sha256: str) -> None:
    """Has the depth network's weights be the hub's."""
    entry = HubWeights(MODEL, "refs/pr/5", dict(zip(FILES, ("", "", sha256), strict=True)), "DPT")
    monkeypatch.setitem(weights.WEIGHTS, MODEL, entry)


def test_a_model_of_several_files_becomes_a_folder(
    hub: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small(monkeypatch, SHA256)
    assert main(["fetch", "weights", MODEL, "vgg16"]) == 0
    folder = tmp_path / "weights" / MODEL
    assert str(folder) in capsys.readouterr().out
    assert sorted(item.name for item in folder.iterdir()) == sorted(
        [*FILES, *(f"{name}.sha256" for name in FILES)]
    )
    place = f"/{MODEL}/resolve/refs%2Fpr%2F5"
    assert json.loads((folder / "config.json").read_text()) == {"at": f"{place}/config.json"}
    encoder = tmp_path / "weights/smp-hub/vgg16.imagenet/model.safetensors"
    assert encoder.read_bytes() == (folder / "model.safetensors").read_bytes() == BIG
    before = len(hub)
    assert fetch_weights(MODEL) == folder
    assert fetch_weights("vgg16") == encoder
    assert len(hub) == before


def test_other_weights_than_the_published_are_refused(
    hub: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small(monkeypatch, "0" * 64)
    with pytest.raises(VadbenchError, match=r"another digest and was not kept .expected 0000"):
        fetch_weights(MODEL)
    assert not (tmp_path / "weights" / MODEL / "model.safetensors").exists()


def test_what_changed_since_it_was_fetched_is_refused(
    hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, SHA256)
    folder = fetch_weights(MODEL)
    for name in FILES:
        verify_weights(folder / name)
        (folder / name).write_bytes(b"something else")
        with pytest.raises(VadbenchError, match=f"{name} is not the file that was published"):
            verify_weights(folder / name)


def test_all_digits_that_were_recorded_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "net-230d8358.pth").write_bytes(b"1" * 10)
    digest = hashlib.sha256(b"1" * 10).hexdigest()
    entry = Weights("https://nowhere/net-230d8358.pth", digest[:8], "a network")
    monkeypatch.setitem(WEIGHTS, "net", entry)
    verify_weights(tmp_path / "net-230d8358.pth")
    (tmp_path / "net-230d8358.pth.sha256").write_text(f"{digest[:-1]}x  net-230d8358.pth\n")
    with pytest.raises(VadbenchError, match=f"does not begin with {digest[:-1]}x"):
        verify_weights(tmp_path / "net-230d8358.pth")


def test_a_file_of_ones_own_needs_no_digest(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(BIG)
    verify_weights(tmp_path / "net.safetensors")


def test_an_unknown_name_says_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "weights", "dpt-hybrid-midas"]) == 1
    assert f"did you mean {MODEL!r}?" in capsys.readouterr().err


def test_revisions_are_those_of_the_libraries() -> None:
    import segmentation_models_pytorch as smp

    for name in ("resnet34", "vgg16"):
        entry, known = WEIGHTS[name], smp.encoders.encoders[name]["pretrained_settings"]["imagenet"]
        assert isinstance(entry, HubWeights)
        assert (entry.repository, entry.revision) == (known["repo_id"], known["revision"])


def test_every_depth_network_can_be_fetched() -> None:
    small = "midas_v21_small_256.pt"
    for name in get_args(DPTSettings.model_fields["model"].annotation):
        files = [small] if name == "MiDaS_small" else FILES
        assert [Path(file).name for file in WEIGHTS[name].sources()] == files


def config(**depth: Any) -> dict[str, Any]:
    """Everything that needs weights at once."""
    return {
        "datasets": {"walkway": {"family": "walkway"}},
        "segmentation": {"coco": {"backend": "maskrcnn"}},
        "flow": {"farneback": {}},
        "depth": {"midas": {"backend": "dpt", "dpt": depth}, "spare": {"backend": "dpt"}},
        "views": {
            "small": {
                "size": 64, "flow": "farneback", "segmentation": "coco", "depth": "midas"
            }
        },
        "methods": {
            "multitask_attention": {
                "views": "small",
                "settings": {"appearance_weights": "imagenet", "motion_weights": "imagenet"},
            }
        },
    }  # fmt: skip


RUN = Run("walkway", "multitask_attention", "full", 0)


def test_all_that_is_missing_is_named_before_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(VadbenchError) as caught:
        open_plan(config())
    _, *lines, _, command, _ = str(caught.value).splitlines()
    assert lines == [
        f"segmentation.coco.maskrcnn.weights: the weights {tmp_path}/"
        "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth are not there",
        *(
            f"depth.midas.dpt.weights: the weights {tmp_path / MODEL / name} are not there"
            for name in FILES
        ),
        "methods.multitask_attention.settings.appearance_weights: the weights "
        f"{tmp_path}/smp-hub/resnet34.imagenet/model.safetensors are not there",
        "methods.multitask_attention.settings.motion_weights: the weights "
        f"{tmp_path}/smp-hub/vgg16.imagenet/model.safetensors are not there",
    ]
    assert command == (f"  vadbench fetch weights maskrcnn_resnet50_fpn_v2 {MODEL} resnet34 vgg16")


def test_a_folder_of_ones_own_says_what_it_lacks(tmp_path: Path) -> None:
    plan = Plan(load_config(config(weights=str(tmp_path))))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(VadbenchError) as caught:
        plan.contents("depth", "midas", "train", "train01")
    assert f"depth.midas.dpt.weights: {tmp_path / 'model.safetensors'}: no such file; " in str(
        caught.value
    )
    assert "pytorch_model.bin is a pickle, which is not read: save the model as safetensors" in str(
        caught.value
    )


def test_weights_are_files_of_the_jobs(
    hub: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, SHA256)
    for name in (MODEL, "resnet34", "vgg16"):
        fetch_weights(name)
    plan = Plan(load_config(config(frames="median", batch_size=2)))
    files = plan.foreign("depth", "midas", "train", "train01")
    root = tmp_path / "weights"
    assert files["weights"] == [root / MODEL / name for name in FILES]
    job = plan.depth_params("walkway", "midas")
    assert job["settings"] == {"backend": "dpt", "dpt": {"frames": "median", "model": MODEL}}
    assert plan.is_network("depth", "midas")
    motion = root / "smp-hub/vgg16.imagenet/model.safetensors"
    assert plan.train_foreign(RUN, "motion")["pretrained"] == [motion]
    motion.write_bytes(b"something else")
    with pytest.raises(VadbenchError, match="is not the file that was published or fetched"):
        plan.train_params(RUN, "motion")


def test_where_ones_own_encoder_lies_does_not_matter(tmp_path: Path) -> None:
    plain = config()
    jobs = []
    for name in ("one", "other"):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(BIG)
        settings = {"appearance_weights": str(path), "motion_weights": "none"}
        plain["methods"]["multitask_attention"]["settings"] = settings
        plan = Plan(load_config(plain))
        assert plan.train_foreign(RUN, "appearance")["pretrained"] == [path]
        assert not plan.train_foreign(RUN, "motion")
        jobs.append(plan.train_params(RUN, "appearance"))
    assert jobs[0] == jobs[1]


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (
            {"model": "Intel/dpt-hybrid"},
            f"'Intel/dpt-hybrid' is not possible; did you mean '{MODEL}'",
        ),
        ({"model": "MiDaS_smal"}, "'MiDaS_smal' is not possible; did you mean 'MiDaS_small'"),
        ({"frames": "mean"}, "depth.midas.dpt.frames: 'mean' is not possible"),
        (
            {"frames": 0},
            "depth.midas.dpt.frames: input should be 'all' or 'median' or greater than or equal to "
            "1, found 0",
        ),
    ],
)
def test_a_wrong_setting_is_named(depth: dict[str, Any], message: str) -> None:
    with pytest.raises(VadbenchError) as caught:
        load_config(config(**depth))
    assert message in str(caught.value)
