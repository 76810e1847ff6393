"""Numbers as people write them in sweep files."""

import pytest
from pydantic import TypeAdapter, ValidationError

from prunesweep.sweeps.numbers import Number, Whole, parse_number

NUMBER = TypeAdapter(Number)
WHOLE = TypeAdapter(Whole)


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
def test_a_number_is_read_as_it_is_meant(written: object, meant: float) -> None:
    assert NUMBER.validate_python(written) == meant


@pytest.mark.parametrize(
    "junk", ["", "fast", "1/2/3", "1e", "0x10", "1_000", "8/", "/255", "2**3", "1+1", "nan", "inf", "1,5", "١x"]
)
def test_junk_is_refused_with_what_to_write(junk: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number; write it like 0\.1, 1e-3 or 8/255"):
        parse_number(junk)


@pytest.mark.parametrize("value", [True, False, None])
def test_true_and_null_are_no_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(value)


@pytest.mark.parametrize("text", ["1/0", "1/0.0", "0/0", "1/1e-999"])
def test_division_by_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="divides by zero"):
        parse_number(text)


@pytest.mark.parametrize("value", [True, "3", 3.0, 2.5, None])
def test_a_whole_number_is_nothing_that_could_be_read_as_one(value: object) -> None:
    with pytest.raises(ValidationError):
        WHOLE.validate_python(value)
