"""Numbers in sweep files as people write them, such as ``1e-3`` and ``8/255`` (which YAML reads as text)."""

import re
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict

_DECIMAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
NUMBER_PATTERN = rf"\s*({_DECIMAL})\s*(?:/\s*({_DECIMAL})\s*)?"
"""A regular expression for a decimal or a fraction of two decimals, which Python and JSON schema read alike."""

_PERCENT = re.compile(rf"\s*({_DECIMAL})\s*%\s*")


def parse_number(value: Any) -> Any:
    """Return a float for a decimal text or a fraction of two decimals, and any other value unchanged.

    Args:
        value: a value of any type.

    Raises:
        ValueError: the value is null, true or false, or a text that is not a number or divides by zero.
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is not a number")
    if not isinstance(value, str):
        return value
    match = re.fullmatch(NUMBER_PATTERN, value)
    if match is None:
        raise ValueError(f"{value!r} is not a number; {_number_hint(value)}")
    numerator, denominator = match.groups()
    if denominator is None:
        return float(numerator)
    if float(denominator) == 0:
        raise ValueError(f"{value!r} divides by zero")
    return float(numerator) / float(denominator)


def _number_hint(text: str) -> str:
    """Return the end of an error message that tells what to write instead of a text that is not a number."""
    percent = _PERCENT.fullmatch(text)
    return f"did you mean {float(percent[1]) / 100:g}?" if percent else "write it like 0.1, 1e-3 or 8/255"


def check_whole_number(value: Any, unit: str = "") -> Any:
    """Check that a value is a whole number, and return it unchanged.

    Args:
        value: a value of any type.
        unit: a noun in the plural for what the number counts, such as ``images``, for the message.

    Raises:
        ValueError: the value has another type, even if it could be read as a whole number (true, "3", 3.0).
    """
    if type(value) is int:
        return value
    meant = _guess_whole_number(value)
    hint = f"; write {meant}" if meant is not None else ""
    raise ValueError(f"should be a whole number{unit and f' of {unit}'}, not {value!r}{hint}")


def _guess_whole_number(value: Any) -> int | None:
    """Return the whole number that a float, or a text such as ``1_000``, ``1,000`` or ``0b11``, probably means."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if not isinstance(value, str):
        return None
    text = value.replace(",", "")
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        return int(text, 0)
    return None


Number = Annotated[float, BeforeValidator(parse_number)]
"""A number, which may be written as a decimal or a fraction."""

WholeNumber = Annotated[int, Strict(), BeforeValidator(check_whole_number)]
"""A whole number. Values of other types are refused even if they could be read as one (true, "3", 3.0)."""
