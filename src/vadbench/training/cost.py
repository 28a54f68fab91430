"""What the networks of a method cost: parameters, and multiply-accumulates (ptflops).

Nothing is declared for it: a clip is scored as in any other job, and each network that is called
from outside of all others is counted while it runs. So the numbers are of what really runs, with
as many objects as there are, and a method of another package is counted like one of this. What a
call costs depends on the shapes of its inputs only: a network runs once for each, and calls of the
same shapes get the same answer, since nobody reads the scores.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from ptflops.aten_engine import FlopCounterMode
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from vadbench.artefacts import open_artefact

__all__ = ["cheapest_clip", "count_cost"]


@dataclass
class _Count:
    name: str
    parameters: int
    inputs: int = 0
    operations: int = 0


class _Counter(FlopCounterMode):  # type: ignore[misc]
    """ptflops' counter, which also sees into operations that are made of others.

    In inference mode a convolution arrives as `conv2d` and a dense layer as `linear`, which it has
    no rule for; outside of it both are taken apart before.
    """

    def __enter__(self) -> None:
        # ptflops' own forgets what was counted, and this is entered again for each operation.
        TorchDispatchMode.__enter__(self)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._overloadpacket not in self.all_ops:
            with self:
                made = func.decompose(*args, **(kwargs or {}))
            if made is not NotImplemented:
                return made
        return super().__torch_dispatch__(func, types, args, kwargs)


def cheapest_clip(paths: Sequence[Path], lengths: Sequence[int]) -> int:
    """Returns the number of the shortest clip that holds something to score.

    Args:
        paths: Cubes or views artefacts, in clip order.
        lengths: Frames of each clip.
    """
    for number in sorted(range(len(paths)), key=lambda item: (lengths[item], item)):
        with open_artefact(paths[number]) as artefact:
            if artefact.kind != "cubes" or int(artefact["frame_offsets"][-1]):
                return number
    return 0


def count_cost(work: Callable[[], None], frames: int) -> dict[str, Any]:
    """Counts the networks that a piece of work calls.

    Args:
        work: Scores a clip, and applies frozen stages to it before.
        frames: Frames of the clip.

    Returns:
        `tool`; and `networks`, each with `name`, `parameters`, `inputs_per_frame` (objects, flows
        or frames that it sees for a frame of video), `macs_per_input` and `macs_per_frame`.
    """
    counts: dict[int, _Count] = {}
    kept: list[nn.Module] = []  # as long as it is counted, no other has its id
    seen: dict[Any, tuple[Any, int]] = {}
    inside = False
    counter = _Counter()
    call = nn.Module.__call__

    def total() -> int:
        return int(sum(counter.flop_counts["Global"].values()))

    def counted(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        nonlocal inside
        if inside:
            return call(module, *args, **kwargs)
        if id(module) not in counts:
            kept.append(module)
            parameters = sum(item.numel() for item in module.parameters())
            counts[id(module)] = _Count(type(module).__name__, parameters)
        own = counts[id(module)]
        own.inputs += _rows([args, kwargs])
        form = (id(module), _form([args, kwargs]))
        if form not in seen:
            before, inside = total(), True
            try:
                output = call(module, *args, **kwargs)
            finally:
                inside = False
            seen[form] = output, total() - before
        output, operations = seen[form]
        own.operations += operations
        return output

    nn.Module.__call__ = counted  # type: ignore[method-assign]
    try:
        with counter:
            work()
    finally:
        nn.Module.__call__ = call  # type: ignore[method-assign]
    return {
        "tool": f"ptflops {version('ptflops')}, torch {torch.__version__}",
        "networks": [
            {
                "name": item.name,
                "parameters": item.parameters,
                "inputs_per_frame": round(item.inputs / frames, 3),
                "macs_per_input": round(item.operations / max(1, item.inputs)),
                "macs_per_frame": round(item.operations / frames),
            }
            for item in counts.values()
        ],
    }


def _form(values: Any) -> Any:
    """Returns what calls of the same cost have in common: shapes and types of what goes in."""
    if isinstance(values, Tensor):
        return values.shape, values.dtype
    if isinstance(values, dict):
        return tuple((key, _form(item)) for key, item in values.items())
    if isinstance(values, list | tuple):
        return tuple(map(_form, values))
    return repr(values)


def _rows(values: Any) -> int:
    """Returns the length of the first tensor's batch axis."""
    if isinstance(values, Tensor):
        return len(values)
    items = values.values() if isinstance(values, dict) else values
    if isinstance(values, dict | list | tuple):
        return next((rows for item in items if (rows := _rows(item))), 0)
    return 0
