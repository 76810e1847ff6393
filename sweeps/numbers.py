"""Numbers as people write them in sweep files: ``1e-3`` and ``8/255`` (which PyYAML reads as strings)."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict

_DECIMAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"\s*({_DECIMAL})\s*(?:/\s*({_DECIMAL})\s*)?")


def parse_number(value: Any) -> Any:
    """A float for a number, a decimal string or a fraction of two decimals; anything else is returned as it came.

    Raises:
        ValueError: the text is no number, or divides by zero.
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is not a number")
    if not isinstance(value, str):
        return value
    match = _NUMBER.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a number; write it like 0.1, 1e-3 or 8/255")
    numerator, denominator = match.groups()
    if denominator is None:
        return float(numerator)
    if float(denominator) == 0:
        raise ValueError(f"{value!r} divides by zero")
    return float(numerator) / float(denominator)


Number = Annotated[float, BeforeValidator(parse_number)]

# A whole number, and nothing that merely could be read as one (true, "3", 3.0).
Whole = Annotated[int, Strict()]
