"""Where what a plan names lies on this machine: in the project, or among copies of storage."""

from pathlib import Path

from vadbench.datasets import results_root

__all__ = ["located"]


def located(path: str) -> Path:
    """Returns where a file below `results/` or `logs/` lies; what lies elsewhere stays there."""
    top, _, rest = path.partition("/")
    if top == "results":
        return results_root() / rest
    return results_root().parent / path if top == "logs" else Path(path)
