"""YAML by the core schema of version 1.2: words and numbers as people write them."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.numbers import parse_number
from prunesweep.sweeps.reader import built_in_sweeps, parse_sweep, read_sweep, sweep_text
from prunesweep.sweeps.yaml_core import CoreLoader, dump
from tests.helpers.trees import TINY_SWEEP

STORED = Path(__file__).parents[1] / "stores" / "version_0.1.0"


def core(text: str) -> Any:
    return yaml.load(text, Loader=CoreLoader)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("-08", -8),
        ("+3", 3),
        ("0o10", 8),
        ("0x1F", 31),
        ("000", 0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        (".5", 0.5),
        ("3.", 3.0),
        ("+.5e1", 5.0),
        ("-.inf", -math.inf),
        (".Inf", math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        # words that YAML 1.1 reads as numbers, booleans and dates
        *((word, word) for word in ("1:30", "190:20:30", "1_000", "0b11", "0o8", "2026-11-27", "2021-02-30")),
        *((word, word) for word in ("yes", "No", "on", "OFF", "y", "n", "tRue", "nULL", "1.2.3", "8/255", ".", "+")),
        ("'010'", "010"),
    ],
)
def test_an_unquoted_scalar_is_read_by_the_core_schema(text: str, value: Any) -> None:
    read = core(f"- {text}")
    assert read == [value]
    assert type(read[0]) is type(value)


def test_nan_is_read() -> None:
    assert math.isnan(core(".nan"))


def test_merge_keys_are_kept() -> None:
    text = "base: &base {epochs: 2, flip: false}\nother: {<<: *base, epochs: 3}"
    assert core(text)["other"] == {"epochs": 3, "flip": False}


@pytest.mark.parametrize(
    "value",
    ["1e3", "0o7", "010", "yes", "no", "1:30", "1_000", "2026-11-27", "~", "", "true", "<<", 1e-5, 1e20, 10, None],
)
def test_dumped_values_are_read_unchanged_by_both_versions(value: Any) -> None:
    assert core(dump({"key": value})) == {"key": value} == yaml.safe_load(dump({"key": value}))


# In sweep files, and in --set


def both_ways(key: str, text: str) -> list[tuple[str, list[str]]]:
    """Return (text, overrides) of two sweeps: with a setting in the file, and with it in an override."""
    return [(f"{TINY_SWEEP}{key}: {text}\n", []), (TINY_SWEEP, [f"{key}={text}"])]


@pytest.mark.parametrize(
    ("text", "seeds"), [("[010]", (10,)), ("010", (10,)), ("[0o10, 0x10]", (8, 16)), ("[+3, 007]", (3, 7))]
)
def test_seeds_are_read_by_the_core_schema(text: str, seeds: tuple[int, ...]) -> None:
    for sweep, overrides in both_ways("seeds", text):
        assert parse_sweep(sweep, overrides).seeds == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1:30]", "not '1:30'"),
        ("[1_000]", "not '1_000'; write 1000"),
        ("[0b11]", "not '0b11'; write 3"),
        ("[2020-01-01]", "not '2020-01-01'"),
        ("[yes]", "not 'yes'"),
        ("[1e1]", "not 10.0; write 10"),
        ("~", "not None"),
    ],
)
def test_seeds_that_are_not_whole_numbers_are_refused_with_their_line(text: str, message: str) -> None:
    in_file, in_override = both_ways("seeds", text)
    for (sweep, overrides), at in ((in_file, "sweep:7: seeds"), (in_override, "--set seeds")):
        with pytest.raises(SweepError) as refused:
            parse_sweep(sweep, overrides)
        assert str(refused.value).startswith(at)
        assert f"should be a whole number, {message}" in str(refused.value)


@pytest.mark.parametrize(("text", "read"), [("yes", True), ("on", True), ("no", False), ("Off", False), ("TRUE", True)])
def test_yes_and_no_are_accepted_for_booleans(text: str, read: bool) -> None:
    for sweep, overrides in both_ways("control", text):
        assert parse_sweep(sweep, overrides).control is read


@pytest.mark.parametrize("word", ["no", "on", "2026-11-27", "off", "1_000"])
def test_yes_and_no_are_words_elsewhere(word: str) -> None:
    assert parse_sweep(TINY_SWEEP, [f"name={word}"]).name == word
    defences = parse_sweep(TINY_SWEEP, [f"baseline={{weights: a.th, defences: {{{word}: b.th}}}}"]).baseline.defences
    assert defences == {word: "b.th"}


@pytest.mark.parametrize(("text", "shown"), [("3", "3"), ("1e5", "100000.0"), ("true", "True"), ("0o7", "7")])
def test_a_number_in_place_of_a_word_is_refused_with_the_hint_to_quote_it(text: str, shown: str) -> None:
    with pytest.raises(SweepError, match=rf"name: should be a word, not {shown}; put it in quotes$"):
        parse_sweep(TINY_SWEEP, [f"name={text}"])
    assert parse_sweep(TINY_SWEEP, [f"name='{text}'"]).name == text


def test_a_name_of_digits_in_a_mapping_is_a_word() -> None:
    assert read_sweep({**core(TINY_SWEEP), "name": "1e5"}).name == "1e5"
    assert read_sweep({**core(TINY_SWEEP), "name": "010"}).name == "010"


def test_a_tab_is_refused_with_the_hint_to_use_spaces() -> None:
    for text in ("\tname: tiny", "name: tiny\nbaseline:\n\tepochs: 2", "name:\ttiny"):
        with pytest.raises(SweepError, match=r"sweep:\d: not YAML: .*use spaces"):
            parse_sweep(text)


def parse_numbers(value: Any) -> Any:
    """Return a document in which texts that are numbers are replaced by numbers, as a sweep does."""
    if isinstance(value, dict):
        return {key: parse_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [parse_numbers(each) for each in value]
    try:
        return parse_number(value)
    except ValueError:
        return value


@pytest.mark.parametrize("name", built_in_sweeps())
def test_built_in_sweeps_have_the_same_meaning_in_yaml_1_1(name: str) -> None:
    text = sweep_text(name)
    assert parse_numbers(core(text)) == parse_numbers(yaml.safe_load(text))


def test_sweeps_of_earlier_stores_are_read_unchanged() -> None:
    texts = [path.read_text() for path in STORED.rglob("*.yaml")]
    assert texts
    for text in texts:
        assert parse_numbers(core(text)) == parse_numbers(yaml.safe_load(text))
