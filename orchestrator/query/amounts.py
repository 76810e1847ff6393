"""Numbers as tables print them, and as people write them in conditions, checked against a column's unit."""

import re

from prunesweep.results_store.schema import TRIAL_COLUMNS
from prunesweep.sweeps.numbers import parse_number
from prunesweep.sweeps.units import check_share

SUFFIX_EXPONENTS = {"": 0, "k": 3, "m": 6, "g": 9, "b": 9, "t": 12}
"""The power of ten for each suffix of a number, in lower case; tables print numbers such as ``20.28 M``."""

_UNITS = {column.name: column.unit for column in TRIAL_COLUMNS}
_NUMBER_WITH_SUFFIX = re.compile(r"([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|[-+]?\.\d+)\s*([kmgbt]?)", re.IGNORECASE)


def format_millions(value: float) -> str:
    """Return a number in millions as tables print it, such as ``20.28 M``, which ``read_amount`` reads."""
    return f"{value / 1e6:,.2f} M"


def read_amount(text: str, column: str) -> float:
    """Return the number that a user wrote to compare with a column.

    Args:
        text: such as ``0.9``, ``15e6``, ``1/8``, ``15M`` or ``1,234.50 M``.
        column: the column of the table ``trials``, in whose unit the number must be. A column that the schema does not
            name has no unit.

    Raises:
        ValueError: the text is not a number, or its value is impossible in the column's unit: a share outside [0, 1],
            or a gain outside [-100, 100] percentage points.
    """
    unit = _UNITS.get(column, "")
    value = _parse(text, unit)
    if unit == "share" and value < 0:
        hint = f": did you mean {column}_gain?" if f"{column}_gain" in _UNITS else ""
        raise ValueError(f"{value:g} is below 0; it is a share{hint}")
    if unit == "p.p." and abs(value) > 100:
        raise ValueError(f"{value:g} is out of range; gains are percentage points, from -100 to 100")
    return check_share(value) if unit == "share" else value


def _parse(text: str, unit: str) -> float:
    match = _NUMBER_WITH_SUFFIX.fullmatch(text)
    if match is not None:
        return float(f"{match[1].replace(',', '')}e{SUFFIX_EXPONENTS[match[2].lower()]}")
    try:
        return float(parse_number(text))
    except ValueError:
        raise ValueError(f'"{text}" is not a number{_percent_hint(text, unit)}') from None


def _percent_hint(text: str, unit: str) -> str:
    """Return a hint at the number to write instead of a percentage.

    It is empty if the text is not a percentage, or if the unit is none of share, percentage points and percent.
    """
    number = text.removesuffix("%").strip()
    if number == text or _NUMBER_WITH_SUFFIX.fullmatch(number) is None:
        return ""
    meant = {"share": f"{float(number) / 100:g}", "p.p.": number, "%": number}.get(unit)
    return f"; did you mean {meant}?" if meant is not None else ""
