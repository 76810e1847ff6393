"""Phrases of messages."""

import pytest

from prunesweep.sweeps.words import counted, listed


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (98100, "98,100 trials")]
)
def test_a_count_agrees_with_its_noun(number: int, words: str) -> None:
    assert counted(number, "trial") == words


def test_an_irregular_plural_can_be_given() -> None:
    assert counted(1, "set of scores", "sets of scores") == "1 set of scores"
    assert counted(2, "set of scores", "sets of scores") == "2 sets of scores"


@pytest.mark.parametrize(("names", "words"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_are_listed_as_in_a_sentence(names: list[str], words: str) -> None:
    assert listed(names) == words
