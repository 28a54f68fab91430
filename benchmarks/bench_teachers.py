"""What a frame costs every teacher, on a Ped2 test clip (360 x 240, grey) or noise of its size.

Networks have their published sizes and weights drawn at random, saved as the published ones are and
read by the same code. A random Mask R-CNN finds nothing, so what its masks cost is not in it, and
bytes are named where there are some, those of depth networks of noise. The time of a frame is what
two more frames cost, of a quick teacher forty: loading and the start of a job are not in it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from rows import ImageClip, Row, ped2_like

from vadbench.artefacts import Identity
from vadbench.teachers.depth import estimate_depth
from vadbench.teachers.depth.dpt import estimate_depth_dpt
from vadbench.teachers.depth.midas_small import MidasSmall
from vadbench.teachers.depth.settings import DepthSettings
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.networks import make_network
from vadbench.teachers.flow.settings import FlowSettings
from vadbench.teachers.segmentation.maskrcnn import segment_maskrcnn
from vadbench.teachers.segmentation.motion import segment_motion
from vadbench.teachers.segmentation.settings import MaskRCNNSettings, SegmentationSettings
from vadbench.teachers.segmentation.torchvision_maskrcnn import build

OWNER = Identity("ped2", "test", "01")
THREADS = os.cpu_count() or 1
Work = Callable[[ImageClip, Path], None]


def measure() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = ped2_like(folder).files
        for what, work, has_bytes in _teachers(folder):
            path = folder / f"{len(rows)}.h5"

            def made(frames: int, work: Work = work, path: Path = path) -> tuple[float, int]:
                start = time.perf_counter()
                work(ImageClip(files[:frames]), path)
                return time.perf_counter() - start, path.stat().st_size

            few, small = made(3)
            more = 2
            many, large = made(3 + more)
            if many < 1.5 * few < 3:
                more = 40
                many, large = made(3 + more)
            note = f"{(large - small) / more / 1e3:.0f} kB a frame" if has_bytes else ""
            rows.append(Row(what, (many - few) / more, None, "s/frame", note))
            print(what, rows[-1].shown(rows[-1].ours), note, file=sys.stderr, flush=True)
    return rows


def _teachers(folder: Path) -> Iterator[tuple[str, Work, bool]]:
    """Yields what each is, a function that writes its artefact, and whether its bytes count."""
    numbers = count()

    def saved(network: torch.nn.Module) -> Path:
        path = folder / f"{next(numbers)}.pth"
        torch.save(network.state_dict(), path)
        return path

    def segmented(own: MaskRCNNSettings) -> Work:
        weights, settings = (
            saved(build(own)),
            SegmentationSettings(backend="maskrcnn", maskrcnn=own),
        )
        return lambda clip, path: segment_maskrcnn(
            clip, settings, weights, OWNER, path, batch_size=1, threads=THREADS
        )

    def flowed(settings: FlowSettings) -> Work:
        if settings.backend in {"farneback", "dis"}:
            return lambda clip, path: compute_flow(clip, settings, OWNER, path)
        weights = saved(make_network(settings.backend))
        return lambda clip, path: compute_flow(
            clip, settings, OWNER, path, weights=weights, threads=THREADS
        )

    def deep(settings: DepthSettings, source: Path) -> Work:
        return lambda clip, path: estimate_depth_dpt(
            clip, settings, source, OWNER, path, batch_size=1, threads=THREADS
        )

    torch.manual_seed(0)
    motion = SegmentationSettings(backend="motion")
    yield "motion", lambda clip, path: segment_motion(clip, motion, OWNER, path), False
    for model in ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2"):
        yield model, segmented(MaskRCNNSettings(model=model)), False
    for backend in ("farneback", "dis", "raft_small", "raft", "pwcnet", "flownet2"):
        has_bytes = backend in {"farneback", "dis"}
        yield backend, flowed(FlowSettings(backend=backend)), has_bytes
    large = FlowSettings(backend="flownet2", working_size=(1024, 768))
    yield "flownet2, 1024 x 768", flowed(large), False
    plane = DepthSettings(backend="plane")
    yield "plane", lambda clip, path: estimate_depth(clip, None, plane, OWNER, path), True
    for name, network, side in _depth_networks():
        settings = DepthSettings(backend="dpt", dpt={"model": name})
        if side is None:
            source = saved(network)
        else:
            source = folder / name
            _save_depth(network, source, side)
        del network
        yield name, deep(settings, source), True


def _depth_networks() -> Iterator[tuple[str, Any, int | None]]:
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        DPTConfig,
        DPTForDepthEstimation,
    )

    small = MidasSmall()
    small.scratch["output_conv"][4].bias.data.fill_(5.0)  # else nothing is above zero
    yield "MiDaS_small", small, None
    # What is not named is, of the hybrid and of Depth Anything, what the configurations default to.
    hybrid = DPTConfig(is_hybrid=True, neck_hidden_sizes=[256, 512, 768, 768])
    yield "Intel/dpt-hybrid-midas", DPTForDepthEstimation(hybrid), 384
    large = DPTConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        backbone_out_indices=[5, 11, 17, 23],
        neck_hidden_sizes=[256, 512, 1024, 1024],
    )
    yield "Intel/dpt-large", DPTForDepthEstimation(large), 384
    anything = DepthAnythingForDepthEstimation(DepthAnythingConfig())
    yield "depth-anything/Depth-Anything-V2-Small-hf", anything, 518


def _save_depth(network: Any, folder: Path, side: int) -> None:
    from transformers import DPTImageProcessor

    network.save_pretrained(folder)
    # Depth Anything keeps an image's proportions, DPT does not.
    own = {"keep_aspect_ratio": True, "ensure_multiple_of": 14} if side == 518 else {}
    DPTImageProcessor(size={"height": side, "width": side}, **own).save_pretrained(folder)
