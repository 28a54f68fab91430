"""Weights into a network: from files that others made, so nothing in them is ever run."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from vadbench.errors import VadbenchError

__all__ = ["error_line", "load_weights"]


def error_line(error: Exception) -> str:
    """Returns the first line of an error's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def load_weights(network: nn.Module, path: Path) -> dict[str, Any]:
    """Loads weights: safetensors, a pickled state dict, or a Lightning checkpoint with one.

    Args:
        network: What they are loaded into; all of its weights have to be there, and no others.
        path: The file; what does not end in `.safetensors` is read by PyTorch's restricted
            unpickler, which makes tensors and plain values only.

    Returns:
        What a Lightning checkpoint holds beside the weights; otherwise nothing.

    Raises:
        VadbenchError: The file is damaged, holds other things than weights, or those of another
            network.
    """
    try:
        rest: dict[str, Any] = {}
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if "state_dict" in state:
                rest = dict(state)
                state = rest.pop("state_dict")
        network.load_state_dict(state)
    except Exception as error:  # A pickle that is damaged or hostile raises what it likes.
        raise VadbenchError(
            f"{path}: cannot be loaded as weights of this network ({error_line(error)})"
        ) from error
    return rest
