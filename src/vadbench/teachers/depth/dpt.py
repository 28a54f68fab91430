"""Relative depth by DPT (Ranftl et al., ICCV 2021) and Depth Anything (Yang et al., CVPR 2024).

DPT carries MiDaS 3 (Ranftl et al., TPAMI 2022). Networks and their pre- and postprocessing are
those of transformers, read from a folder and never fetched here, or MiDaS' small one out of a file
(`midas_small`). Only networks whose output is
relative inverse depth are taken: larger is nearer. Networks that estimate distance are refused,
because their output means the opposite.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open

from vadbench.artefacts import Identity
from vadbench.errors import VadbenchError
from vadbench.half import to_half
from vadbench.teachers.batches import in_batches
from vadbench.teachers.depth import write_depth
from vadbench.teachers.depth.midas_small import load_small
from vadbench.teachers.loading import error_line
from vadbench.training.machine import device, set_up_torch

if TYPE_CHECKING:
    from vadbench.datasets import Clip
    from vadbench.teachers.depth.settings import DepthSettings

__all__ = ["estimate_depth_dpt", "load", "median_frame"]

_RELATIVE = frozenset({"dpt", "depth_anything"})
"""Families whose depth is relative and inverse, as `model_type` of config.json names them."""
_UNUSED = "neck.fusion_stage.layers.0.residual_layer1."
"""The first fusion has nothing to fuse with: this layer is never applied, and MiDaS has none."""
_MEDIAN_OF = 99
"""Most frames that a median is of: as many as bounded memory holds of large frames."""


def load(place: Path) -> tuple[Any, torch.nn.Module]:
    """Reads a network; nothing is fetched, and nothing unpickled that is more than tensors.

    Args:
        place: A folder as transformers saves it, or the weights of MiDaS' small network.

    Returns:
        The image processor and the network, set to evaluation.

    Raises:
        VadbenchError: A file is missing or damaged, the network is of another task, or its output
            is not relative inverse depth.
    """
    if place.is_file():
        return load_small(place)
    config, weights = place / "config.json", place / "model.safetensors"
    _check_config(config)
    try:
        with safe_open(weights, "pt"):
            pass
    except (OSError, SafetensorError) as error:
        raise VadbenchError(
            f"{weights}: not a whole safetensors file ({error}); fetch it again, or save the model "
            "as safetensors"
        ) from error
    # Parts of a network that a config only names would be fetched without it.
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    from transformers.utils import logging as loud

    # What does not fit is reported below, in one line.
    loud.set_verbosity_error()
    loud.disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoImageProcessor.from_pretrained(place, **local)
        network, report = AutoModelForDepthEstimation.from_pretrained(
            place,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **local,
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise VadbenchError(
            f"{place}: transformers cannot load it ({repr(error).splitlines()[0]})"
        ) from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(_UNUSED))
    if wrong := missing + sorted(item[0] for item in report["mismatched_keys"]):
        raise VadbenchError(
            f"{weights}: does not hold the depth network that {config.name} describes: "
            f"{len(wrong)} of its arrays are missing or of another shape, such as {wrong[0]}"
        )
    return processor, network.eval()


def _check_config(path: Path) -> None:
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise VadbenchError(f"{path}: cannot be read as a model's description ({error})") from error
    if not isinstance(config, dict):
        raise VadbenchError(f"{path}: describes no model; it holds no keys and values")
    family = config.get("model_type")
    metric = config.get("depth_estimation_type", "relative") != "relative"
    if family not in _RELATIVE or metric:
        found = f"a network of the kind {family!r}" + (" for metric depth" if metric else "")
        raise VadbenchError(
            f"{path}: describes {found}; only networks for relative inverse depth are taken, those "
            f"of the kinds {' and '.join(sorted(_RELATIVE))}: distances would have to be inverted"
        )


def estimate_depth_dpt(
    clip: "Clip",
    settings: "DepthSettings",
    source: Path,
    identity: Identity,
    path: Path,
    *,
    batch_size: int = 8,
    threads: int = 1,
    inputs: Sequence[Path] = (),
    code: str = "",
) -> None:
    """Writes the depth artefact of a clip: (T, H, W) float16, 0 to 1 over the clip.

    What the network says is kept in an unnamed file until the clip's nearest and farthest points
    are known, so memory does not grow with the clip.

    Args:
        clip: The frames.
        settings: Which frames to look at.
        source: Where the network is; see `load`.
        identity: Data set, split and clip.
        path: Where the artefact goes.
        batch_size: Frames at a time.
        threads: Threads to compute with.
        inputs: Files it is made from, for provenance.
        code: Code fingerprint.

    Raises:
        VadbenchError: The network cannot be loaded or says nothing finite, a frame cannot be read,
            or the disk is full.
    """
    set_up_torch(threads)
    processor, network = load(source)
    wanted = settings.dpt.frames
    every = clip.n_frames if wanted == "median" else 1 if wanted == "all" else int(wanted)
    looks = -(-clip.n_frames // every)
    chosen: Iterable[npt.NDArray[np.uint8]] = (
        [median_frame(clip)] if wanted == "median" else islice(clip, 0, None, every)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (clip.height, clip.width)
    with tempfile.TemporaryFile(dir=path.parent) as kept:
        low, high = np.inf, -np.inf
        estimates = _estimates(chosen, looks, processor, network, batch_size, source)
        for number, raw in enumerate(estimates):
            if not np.isfinite(raw).all():
                raise VadbenchError(
                    f"{source}: what this network says of {identity.dataset}, {identity.split}, "
                    f"{identity.clip}, frame {number * every} is not finite; take another network"
                )
            low, high = min(low, float(raw.min())), max(high, float(raw.max()))
            try:
                kept.write(raw.tobytes())
            except OSError as error:
                raise VadbenchError(f"{path}: cannot be written ({error})") from error

        def frames() -> Iterator[npt.NDArray[np.float16]]:
            kept.seek(0)
            for t in range(clip.n_frames):
                if t % every == 0:
                    raw = np.frombuffer(kept.read(4 * size[0] * size[1]), np.float32).reshape(size)
                    depth = to_half((raw - low) / ((high - low) or 1.0))
                yield depth

        write_depth(
            frames(),
            clip.n_frames,
            settings.effective(),
            identity,
            path,
            inputs=inputs,
            code=code,
        )


def _estimates(
    frames: Iterable[npt.NDArray[np.uint8]],
    n_frames: int,
    processor: Any,
    network: torch.nn.Module,
    batch_size: int,
    source: Path,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yields what the network says of each frame, (H, W), resized to it.

    Raises:
        VadbenchError: The network does not take what its own preprocessor makes of a frame.
    """
    place = device()
    network.to(place)
    for group in in_batches(map(_rgb, frames), batch_size, n_frames):
        pixels = processor(images=group, return_tensors="pt")["pixel_values"].to(place)
        try:
            with (
                torch.inference_mode(),
                torch.autocast(place.type, torch.float16, enabled=place.type == "cuda"),
            ):
                found = network(pixels)
        except (RuntimeError, ValueError) as error:  # Out of memory, or a size that it was not for.
            height, width = pixels.shape[2:]
            raise VadbenchError(
                f"{source}: the network fails on {len(pixels)} images of {width} x {height} "
                f"pixels, which its preprocessor makes ({error_line(error)})"
            ) from error
        found["predicted_depth"] = found["predicted_depth"].float()
        sizes = [frame.shape[:2] for frame in group]
        for item in processor.post_process_depth_estimation(found, target_sizes=sizes):
            yield item["predicted_depth"].cpu().numpy()


def _rgb(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns a frame (H, W, 1 or 3) as (H, W, 3), RGB."""
    colour = np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame[..., ::-1]
    return np.ascontiguousarray(colour)


def median_frame(clip: "Clip") -> npt.NDArray[np.uint8]:
    """Returns the median of a clip's frames over time, (H, W, C): what stays when all moves.

    Of an odd number of frames, evenly spaced and 99 at most, so that each value is one of theirs.
    """
    count = min(_MEDIAN_OF, clip.n_frames - 1 + clip.n_frames % 2)
    chosen = set(np.linspace(0, clip.n_frames - 1, count).round().astype(int).tolist())
    stack = np.stack([frame for t, frame in enumerate(clip) if t in chosen])
    stack.partition(count // 2, axis=0)
    return stack[count // 2]
