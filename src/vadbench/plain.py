"""Settings in a job: checked when the workflow was planned, so here they are only read.

Nothing here imports pydantic, which takes longer than all else that a short job imports.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["PlainSettings"]


class PlainSettings:
    """Values of a mapping as attributes, in place of the settings that they were made from.

    Args:
        values: JSON types, as `Settings.plain` or `effective` returned them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"the job's settings have no {name!r}")
        value = self._values[name]
        return PlainSettings(value) if isinstance(value, Mapping) else value

    def plain(self) -> dict[str, Any]:
        """Returns the values."""
        return self._values

    effective = plain
