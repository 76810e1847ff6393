"""The base of every block of a sweep file."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A mapping in a sweep file: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def non_default(self) -> dict[str, Any]:
        """What differs from the defaults, as plain JSON values: the part that enters a key.

        A setting that is added later leaves old keys as they are, as long as its default means what was done before.
        """
        return self.model_dump(mode="json", exclude_defaults=True)
