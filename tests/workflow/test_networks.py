"""Teachers that are networks, on random weights, through the workflow's rules."""

from pathlib import Path

import pytest
import torch
from transformers import DPTForDepthEstimation

from tests.unit.teachers.test_dpt import DPT, save
from tests.unit.teachers.test_flow_networks import write_checkpoint
from tests.unit.teachers.test_midas_small import save_small
from tests.videos import write_video
from tests.workflow.conftest import Tree
from vadbench.artefacts import file_digest, open_artefact
from vadbench.teachers.segmentation.settings import MaskRCNNSettings
from vadbench.teachers.segmentation.torchvision_maskrcnn import build

MASK_RCNN = {
    "model": "maskrcnn_mobilenet_v3_large_fpn", "min_size": 96, "max_size": 160,
    "score_threshold": 0.0,
}  # fmt: skip
CONFIG = {
    "datasets": {"mine": {"family": "folder", "path": "mine"}},
    "segmentation": {
        "coco": {"backend": "maskrcnn", "maskrcnn": MASK_RCNN | {"weights": "weights/mask.pth"}}
    },
    "flow": {"raft": {"backend": "raft_small", "ptlflow": {"weights": "weights/raft.ckpt"}}},
    "depth": {
        "dpt": {"backend": "dpt", "dpt": {"weights": "weights/dpt"}},
        "small": {"backend": "dpt", "dpt": {"model": "MiDaS_small", "weights": "weights/small.pt"}},
    },
    "views": {"small": {"size": 64, "flow": "raft", "segmentation": "coco", "depth": "dpt"}},
    "methods": {
        "multitask_attention": {
            "views": "small",
            "settings": {"appearance_weights": "none", "motion_weights": "none"},
        }
    },
}


def save_weights(folder: Path) -> None:
    """A Mask R-CNN, a RAFT and two networks for depth that have learnt nothing."""
    folder.mkdir()
    torch.manual_seed(0)
    torch.save(build(MaskRCNNSettings(**MASK_RCNN)).state_dict(), folder / "mask.pth")
    write_checkpoint("raft_small", folder / "raft.ckpt")
    save(DPTForDepthEstimation(DPT), folder / "dpt")
    save_small(folder / "small.pt")


@pytest.mark.slow
def test_networks_run_through_the_rules(tmp_path: Path) -> None:
    pytest.importorskip("ptlflow", reason="make install installs it")
    tree = Tree(tmp_path / "project")
    tree.configure(CONFIG)
    save_weights(tree.folder / "weights")
    for split in ("train", "test"):
        path = tree.folder / f"data/mine/{split}/one.mp4"
        write_video(path, 3, codec="libx264", size=(128, 160))
    tree.run("results/mine/views/small/test/one.h5", "results/mine/depth/small/test/one.h5")
    shapes = {
        "segmentation/coco": "class_map",
        "flow/raft": "flow",
        "depth/dpt": "depth",
        "depth/small": "depth",
    }
    weights = {
        "segmentation/coco": "mask.pth",
        "flow/raft": "raft.ckpt",
        "depth/dpt": "dpt/model.safetensors",
        "depth/small": "small.pt",
    }
    for name, field in shapes.items():
        with open_artefact(tree.folder / f"results/mine/{name}/test/one.h5") as made:
            assert made[field].shape[:3] == (3, 128, 160)
            path = f"weights/{weights[name]}"
            assert made.inputs[path] == file_digest(tree.folder / path)
