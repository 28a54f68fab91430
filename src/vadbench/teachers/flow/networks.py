"""Flow networks by ptlflow (Morimitsu, 2021), on weights from a file.

ptlflow's networks take pairs of BGR frames, 0 to 1, pad or stretch them to a multiple of their own
stride and return the field on the grid of the frames that they were given.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from vadbench.errors import VadbenchError
from vadbench.teachers.loading import error_line, load_weights
from vadbench.training.machine import device, set_up_torch

if TYPE_CHECKING:
    from vadbench.teachers.flow import Estimate
    from vadbench.teachers.flow.settings import FlowSettings

__all__ = ["build", "make_network"]

_ONE_BY_ONE = frozenset(
    {"dip", "irr_pwc", "irr_pwcnet", "irr_pwcnet_irr"}
    | {"liteflownet", "liteflownet2", "liteflownet2_pseudoreg"}
)
"""Networks whose estimate for a pair depends on the others in its batch, or that take one only."""
_WARPING = (
    *("dicl", "fastflownet", "hd3", "irr_pwc", "liteflownet"),
    *("maskflownet", "pwcnet", "scopeflow", "vcn"),
)
"""Beginnings of the names of networks that warp features by pixel numbers in the features' own
precision: half precision resolves an eighth of a pixel from 128 on, so they compute in full."""


def make_network(name: str) -> Any:
    """Makes a network of ptlflow (an `nn.Module`), untrained.

    Raises:
        VadbenchError: ptlflow is not installed, or cannot make it here.
    """
    try:
        # Importing it reports every optional extension that is missing, whatever network is made.
        with redirect_stdout(None), warnings.catch_warnings(action="ignore"):
            logging.disable(logging.WARNING)
            import ptlflow
    except ImportError as error:
        raise VadbenchError(
            f"the flow backend {name!r} needs ptlflow, which cannot be imported ({error}); in "
            "vadbench's folder run\n"
            "  pip install -c constraints.txt -e '.[flow]'\n"
            "  pip install -c constraints.txt --no-deps ptlflow"
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    try:
        network = ptlflow.get_model(name)
    except Exception as error:  # Some need a compiler, CuPy or files of their own.
        raise VadbenchError(
            f"ptlflow cannot make the network {name!r} here ({error_line(error)})"
        ) from error
    return network


def build(settings: "FlowSettings", weights: Path, threads: int) -> "Estimate":
    """Returns the estimator for colour frames: two sequences of B (H, W, 3) uint8 BGR.

    Args:
        settings: Of these the backend: the network's name.
        weights: Its weights, as ptlflow publishes them, or a plain state dict.
        threads: Threads to compute with.

    Raises:
        VadbenchError: The weights do not fit the network, or see `make_network`. The estimator:
            the network fails on the frames, or estimates what is no number.
    """
    set_up_torch(threads)
    place = device()
    network = make_network(settings.backend)
    kept = load_weights(network, weights).get("hyper_parameters")
    beside = kept.get("extra_params") if isinstance(kept, Mapping) else None
    # What a network was trained with beside its weights, such as VCN's mean colour.
    for name, value in beside.items() if isinstance(beside, Mapping) else ():
        network.add_extra_param(name, value)
    network.eval().to(place)
    alone = settings.backend in _ONE_BY_ONE
    half = place.type == "cuda" and not settings.backend.startswith(_WARPING)

    def estimate(
        previous: Sequence[npt.NDArray[np.uint8]], following: Sequence[npt.NDArray[np.uint8]]
    ) -> Iterator[npt.NDArray[np.float32]]:
        stacked = np.stack([np.stack(previous), np.stack(following)], axis=1)
        pairs = torch.from_numpy(stacked).to(place).permute(0, 1, 4, 2, 3).float() / 255
        step = 1 if alone else len(pairs)
        try:
            with torch.inference_mode(), torch.autocast(place.type, torch.float16, enabled=half):
                parts = (pairs[start : start + step] for start in range(0, len(pairs), step))
                flow = torch.cat([network({"images": part})["flows"][:, 0] for part in parts])
        except Exception as error:  # Out of memory, or frames too small for its strides.
            raise VadbenchError(
                f"the network {settings.backend!r} fails on {len(stacked)} pairs of "
                f"{stacked.shape[3]} x {stacked.shape[2]} pixels "
                f"({error_line(error)}); another working_size or a smaller batch_size may help"
            ) from error
        flow = flow.float()
        if not torch.isfinite(flow).all():
            raise VadbenchError(
                f"{weights}: with these weights the network {settings.backend!r} estimates flow "
                f"that is not finite: they are damaged, or frames of {stacked.shape[3]} x "
                f"{stacked.shape[2]} pixels are too small for it"
            )
        return iter(flow.permute(0, 2, 3, 1).cpu().numpy())

    return estimate
