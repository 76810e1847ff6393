"""The base class of every block of a sweep file, and the type of lists that may be written as a single value."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class FrozenModel(BaseModel):
    """A block of a sweep file, which refuses unknown keys and whose values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def non_default(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, as JSON values: the part that enters a key.

        A setting that is added later leaves existing keys unchanged, as long as its default means what was done before.
        """
        return self.model_dump(mode="json", exclude_defaults=True)


def _as_tuple(value: Any) -> Any:
    """Return a list or a tuple as a tuple, and any other value as a tuple of length one."""
    return tuple(value) if isinstance(value, list) else value if isinstance(value, tuple) else (value,)


LIST_OR_SINGLE = BeforeValidator(_as_tuple)
"""Annotates a list that may be written as a single value, without brackets."""
