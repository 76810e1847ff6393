"""Numbers as people write them in sweep files: ``1e-3`` and ``8/255`` (which YAML reads as a word)."""

import re
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict

_DECIMAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"\s*({_DECIMAL})\s*(?:/\s*({_DECIMAL})\s*)?")
_PERCENT = re.compile(rf"\s*({_DECIMAL})\s*%\s*")


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
        raise ValueError(f"{value!r} is not a number; {_what_to_write(value)}")
    numerator, denominator = match.groups()
    if denominator is None:
        return float(numerator)
    if float(denominator) == 0:
        raise ValueError(f"{value!r} divides by zero")
    return float(numerator) / float(denominator)


def _what_to_write(text: str) -> str:
    percent = _PERCENT.fullmatch(text)
    return f"did you mean {float(percent[1]) / 100:g}?" if percent else "write it like 0.1, 1e-3 or 8/255"


def check_whole(value: Any, unit: str = "") -> Any:
    """Return a whole number as it came.

    Args:
        value: of any type.
        unit: what is counted, in the plural; it enters the message.

    Raises:
        ValueError: it is of another type, also where it could be read as a whole number (true, "3", 3.0).
    """
    if type(value) is int:
        return value
    meant = _whole_number_meant(value)
    hint = f"; write {meant}" if meant is not None else ""
    raise ValueError(f"should be a whole number{unit and f' of {unit}'}, not {value!r}{hint}")


def _whole_number_meant(value: Any) -> int | None:
    """The whole number that a float, or a text such as ``1_000``, ``1,000`` or ``0b11``, was meant to be."""
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

# A whole number, and nothing that merely could be read as one (true, "3", 3.0).
Whole = Annotated[int, Strict(), BeforeValidator(check_whole)]
