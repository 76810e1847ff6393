"""Numbers in conditions: as people write them and as tables print them, and held to the unit of their column."""

import re

from prunesweep.results_store.schema import TRIALS
from prunesweep.sweeps.numbers import parse_number
from prunesweep.sweeps.units import check_share

SCALES = {"": 0, "k": 3, "m": 6, "g": 9, "b": 9, "t": 12}
"""What may follow a number, in either case, and the power of ten that it stands for; tables print ``20.28 M``."""

_UNITS = {column.name: column.unit for column in TRIALS}
_SCALED = re.compile(r"([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|[-+]?\.\d+)\s*([kmgbt]?)", re.IGNORECASE)


def read_amount(text: str, column: str) -> float:
    """Return the number that is meant.

    Args:
        text: such as ``0.9``, ``15e6``, ``1/8``, ``15M`` or ``1,234.50 M``.
        column: of the table ``trials``, which is to be compared with it.

    Raises:
        ValueError: it is no number, or cannot be in the column's unit.
    """
    unit = _UNITS.get(column, "")
    value = _value(text, unit)
    if unit == "share" and value < 0:
        hint = f": did you mean {column}_gain?" if f"{column}_gain" in _UNITS else ""
        raise ValueError(f"{value:g} is below 0; it is a share{hint}")
    if unit == "p.p." and abs(value) > 100:
        raise ValueError(f"{value:g} is out of range; gains are percentage points, from -100 to 100")
    return check_share(value) if unit == "share" else value


def _value(text: str, unit: str) -> float:
    scaled = _SCALED.fullmatch(text)
    if scaled is not None:
        return float(f"{scaled[1].replace(',', '')}e{SCALES[scaled[2].lower()]}")
    try:
        return float(parse_number(text))
    except ValueError:
        raise ValueError(f'"{text}" is not a number{_percent_hint(text, unit)}') from None


def _percent_hint(text: str, unit: str) -> str:
    """What to write for a percentage where the column's unit says it."""
    number = text.removesuffix("%").strip()
    if number == text or _SCALED.fullmatch(number) is None:
        return ""
    meant = {"share": f"{float(number) / 100:g}", "p.p.": number, "%": number}.get(unit)
    return f"; did you mean {meant}?" if meant is not None else ""
