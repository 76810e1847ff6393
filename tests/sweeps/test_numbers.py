"""Numbers in sweep files as people write them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from prunesweep.sweeps.numbers import Number, WholeNumber, parse_number

NUMBER = TypeAdapter(Number)
WHOLE = TypeAdapter(WholeNumber)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 0.001),
        ("8/255", 8 / 255),
        (" 8 / 255 ", 8 / 255),
        ("1.5e2/3", 50.0),
        ("-0.5", -0.5),
        ("+.5", 0.5),
        ("3.", 3.0),
        (3, 3.0),
        (0.1, 0.1),
    ],
)
def test_numbers_are_read(written: object, meant: float) -> None:
    assert NUMBER.validate_python(written) == meant


@pytest.mark.parametrize(
    "text", ["", "fast", "1/2/3", "1e", "0x10", "1_000", "8/", "/255", "2**3", "1+1", "nan", "inf", "1,5", "١x"]
)
def test_other_text_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number; write it like 0\.1, 1e-3 or 8/255"):
        parse_number(text)


@pytest.mark.parametrize("value", [True, False, None])
def test_booleans_and_null_are_not_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(value)


@pytest.mark.parametrize("text", ["1/0", "1/0.0", "0/0", "1/1e-999"])
def test_division_by_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="divides by zero"):
        parse_number(text)


@pytest.mark.parametrize("value", [True, "3", 3.0, 2.5, None])
def test_values_that_could_be_read_as_whole_numbers_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        WHOLE.validate_python(value)
