"""The base class of every block of a sweep file."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A block of a sweep file, which refuses unknown keys and whose values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def non_default(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, as JSON values: the part that enters a key.

        A setting that is added later leaves existing keys unchanged, as long as its default means what was done before.
        """
        return self.model_dump(mode="json", exclude_defaults=True)
