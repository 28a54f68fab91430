"""Weights into a network: from files that others made, so nothing in them is ever run."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from vadbench.arrays import load_pickle
from vadbench.errors import VadbenchError

__all__ = ["error_line", "load_weights"]


def error_line(error: Exception) -> str:
    """Returns the first line of an error's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def load_weights(network: nn.Module, path: Path, optional: Collection[str] = ()) -> dict[str, Any]:
    """Loads weights: safetensors, a pickled state dict, or a checkpoint that holds one.

    Args:
        network: What they are loaded into; all of its weights have to be there, and no others.
        path: The file; what does not end in `.safetensors` is read by restricted unpicklers, which
            make tensors (of a `.pkl`: arrays, as detectron2 publishes them) and plain values only.
        optional: Names that a file may lack; the network keeps what it has.

    Returns:
        What a checkpoint holds beside the weights; otherwise nothing.

    Raises:
        VadbenchError: The file is damaged, holds other things than weights, or those of another
            network.
    """
    try:
        rest: dict[str, Any] = {}
        if path.suffix == ".safetensors":
            state = load_file(path)
        elif path.suffix == ".pkl":
            state = load_pickle(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        for key in ("state_dict", "model"):
            if isinstance(state.get(key), dict):
                rest = dict(state)
                state = rest.pop(key)
        own = network.state_dict()
        kept = {name: own[name] for name in optional if name in own}
        network.load_state_dict(kept | {name: torch.as_tensor(state[name]) for name in state})
    except Exception as error:  # A pickle that is damaged or hostile raises what it likes.
        raise VadbenchError(
            f"{path}: cannot be loaded as weights of this network ({error_line(error)})"
        ) from error
    return rest
