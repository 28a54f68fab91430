"""Base of every section of the configuration."""

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """Immutable settings; an unknown key is an error, never a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    def plain(self) -> dict[str, Any]:
        """Returns JSON types with sorted keys, as rules pass them on as `params`."""
        return _sorted(self.model_dump(mode="json"))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
