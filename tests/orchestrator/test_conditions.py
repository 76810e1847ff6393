"""Conditions: the grammar against pandas' own, lists and nulls, halves and seeds, and the line for each mistake."""

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from prunesweep import compare_settings, pareto_front
from prunesweep.orchestrator.cli import COMMANDS
from prunesweep.orchestrator.commands.shared import CONDITION_GRAMMAR
from prunesweep.orchestrator.query.clauses import IN, NOT_IN, OPERATORS, SIGNS
from prunesweep.orchestrator.query.condition_grammar import MAX_BRACKETS, ConditionFault, parse_condition
from prunesweep.orchestrator.query.conditions import parse_constraints, parse_filters
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import choose_trials
from prunesweep.results_store import Store
from tests.helpers.command import command

STORED = Path(__file__).parents[1] / "stores" / "version_0.1.0" / "store"
ARCHITECTURES = ("resnet20", "resnet56", "vgg 16", "a and b", "x [1]")
CRITERIA = ("l1", "pls", "none")
RATIOS = (0.1, 0.125, 0.2)


def trials() -> pd.DataFrame:
    """A row for each combination of a few settings, each with another number of FLOPs."""
    index = pd.MultiIndex.from_product(
        [ARCHITECTURES, CRITERIA, RATIOS, (0, 1, 200)], names=["architecture", "criterion", "ratio", "seed"]
    )
    table = index.to_frame(index=False)
    return table.assign(flops=range(len(table)), error=None)


def met(condition: str, table: pd.DataFrame) -> list[int]:
    """The rows that meet a filter."""
    (parsed,) = parse_filters([condition], table)
    assert parsed.text == condition
    return table.index[parsed.matches(table)].tolist()


# ----------------------------------------------------------------------------- the grammar, against pandas' own


def quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


class RandomConditions:
    """Writes random conditions, each in our grammar and in that of ``DataFrame.query``."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def condition(self, depth: int) -> tuple[str, str]:
        kind = self.draw.choice(["comparison", "list", "and", "or", "group"]) if depth else "comparison"
        if kind in ("and", "or"):
            (ours, theirs), (our_other, their_other) = self.condition(depth - 1), self.condition(depth - 1)
            word = self.draw.choice([kind, kind.upper()])
            return f"{ours} {word} {our_other}", f"{theirs} {kind} {their_other}"
        if kind == "group":
            ours, theirs = self.condition(depth - 1)
            return self.draw.choice([f"({ours})", f"( {ours} )"]), f"({theirs})"
        return self.list() if kind == "list" else self.comparison()

    def comparison(self) -> tuple[str, str]:
        column, values = self.column()
        value = self.draw.choice(values)
        sign = self.draw.choice(["==", "!="] if isinstance(value, str) else [*SIGNS])
        space = self.draw.choice(["", " "])
        return f"{column}{space}{sign}{space}{self.written(value)}", f"({column} {sign} {quoted(value)})"

    def list(self) -> tuple[str, str]:
        column, values = self.column()
        some = self.draw.sample(values, self.draw.randint(1, len(values)))
        word = self.draw.choice([IN, NOT_IN])
        opening, closing = self.draw.choice([("[", "]"), ("(", ")")])
        ours = ", ".join(map(self.written, some))
        theirs = ", ".join(map(quoted, some))
        return (
            f"{column} {self.draw.choice([word, word.upper()])} {opening}{ours}{closing}",
            f"({column} {word} [{theirs}])",
        )

    def column(self) -> tuple[str, tuple[Any, ...]]:
        columns = {"architecture": ARCHITECTURES, "criterion": CRITERIA, "ratio": RATIOS, "seed": (0, 1, 200)}
        return self.draw.choice([*columns.items()])

    def written(self, value: object) -> str:
        if value == 0.125:
            return self.draw.choice(["1/8", "0.125", "12.5e-2"])
        needs_quotes = value in ("a and b", "x [1]")
        return self.draw.choice([quoted(value), f"'{value}'", *([] if needs_quotes else [str(value)])])


@pytest.mark.parametrize("seed", range(300))
def test_a_condition_selects_the_rows_that_pandas_selects(seed: int) -> None:
    table = trials()
    ours, theirs = RandomConditions(seed).condition(depth=4)
    assert met(ours, table) == table.query(theirs).index.tolist(), ours


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("seed == 0 or seed == 1 and ratio == 0.1", "seed == 0 or (seed == 1 and ratio == 0.1)"),
        ("seed == 1 and ratio == 0.1 or seed == 0", "(seed == 1 and ratio == 0.1) or seed == 0"),
        ("criterion in [l1]", "criterion == l1"),
        ("criterion  NOT   IN(l1,pls)", "criterion == none"),
        ("((seed == 0))", "seed == 0"),
        ("architecture == vgg 16 and seed == 0", "architecture == 'vgg 16' AND seed == 0"),
        ("""architecture in ["vgg 16", 'a and b', 'x [1]']""", "architecture not in [resnet20, resnet56]"),
        ("seed in [1, 200]", "seed != 0"),
        ("seed in ['200', 1]", "seed in [200, 1]"),
    ],
)
def test_two_conditions_that_mean_the_same(condition: str, same: str) -> None:
    table = trials()
    assert met(condition, table) == met(same, table) != []


@pytest.mark.parametrize("condition", ["""'fgsm "8/255" and more'""", '"fgsm "8/255""'])
def test_a_quote_within_quotes_is_part_of_the_value(condition: str) -> None:
    value = condition[1:-1]
    table = trials().assign(robustness_definition=[value, "other"] + ["another"] * (len(trials()) - 2))
    assert met(f"robustness_definition == {condition} or robustness_definition in [other]", table) == [0, 1]


def test_a_value_may_have_a_pair_of_brackets() -> None:
    table = trials()[:2].assign(robustness_definition=["pgd 2/255 (version 2)", "other"])
    assert met("(robustness_definition == pgd 2/255 (version 2)) and seed == 0", table) == [0]


def test_a_null_meets_no_comparison() -> None:
    table = trials()[:3].assign(ratio=[0.1, np.nan, 0.2], criterion=pd.Series(["l1", "l1", None]))
    assert met("ratio not in [0.2]", table) == [0]
    assert met("criterion not in [pls]", table) == [0, 1]
    assert met("ratio not in [0.2] or criterion == l1", table) == [0, 1]
    assert met("ratio != 0.2 and criterion == l1", table) == [0]


def test_flags_and_every_type_that_pandas_reads() -> None:
    table = (
        trials()[:3].assign(nesterov=pd.Series([True, False, None]), threads=pd.Series([1, None, 4])).convert_dtypes()
    )
    assert met("nesterov in [true]", table) == met("nesterov == True", table) == [0]
    assert met("nesterov not in [true, FALSE]", table) == []
    assert met("threads in [4, 5] or nesterov == false", table) == [1, 2]


# --------------------------------------------------------------------------------------- what a selection makes of it


def front_table(**columns: list[Any]) -> pd.DataFrame:
    from tests.orchestrator.test_selection import table, trial

    names = "abcd"[: len(next(iter(columns.values())))]
    rows = [
        trial(name, iterations=number, **{column: values[number - 1] for column, values in columns.items()})
        for number, name in enumerate(names, start=1)
    ]
    return table(*rows)


def kept(rows: pd.DataFrame, **asked: Any) -> tuple[set[str], dict[str, int]]:
    from prunesweep.orchestrator.selection import select_front

    front = select_front(rows, **asked)
    return {key for keys in front.compared["trial_keys"] for key in keys}, front.left_out


def test_the_reasons_for_leaving_out_have_the_text_of_the_user() -> None:
    rows = front_table(flops=[10, 20, 30], criterion=["l1", "pls", "l1"])
    where, constraint = "criterion == l1  OR  iterations in (2)", "flops<20 or flops in [30]"
    assert kept(rows, where=where, constraints=constraint) == ({"a", "c"}, {f"constraint not met: {constraint}": 1})
    assert kept(rows, where="criterion not in [pls]") == ({"a", "c"}, {"where not met: criterion not in [pls]": 1})


def test_several_conditions_must_all_be_met() -> None:
    rows = front_table(flops=[10, 20, 30], criterion=["l1", "pls", "l1"])
    both = ["criterion == l1 or criterion == pls", "iterations >= 2"]
    assert kept(rows, where=both) == ({"b", "c"}, {"where not met: iterations >= 2": 1})


def test_a_constraint_on_several_figures_reads_each_on_the_selection_half() -> None:
    rows = front_table(
        generalization=[0.9, 0.8, 0.7], robustness_selection=[0.1, 0.2, 0.9], robustness_report=[0.9, 0.9, 0.1]
    )
    assert kept(rows, constraints="generalization >= 0.9 or robustness >= 0.5")[0] == {"a", "c"}
    assert kept(rows, constraints="robustness >= 0.2 and generalization in [0.7, 0.9]")[0] == {"c"}


def test_only_a_figure_that_every_alternative_needs_must_be_measured() -> None:
    rows = front_table(robustness_fgsm_selection=[0.5, np.nan, 0.1], flops=[10, 20, 30])
    missing = {"robustness_fgsm_selection missing": 1}
    assert kept(rows, constraints="robustness_fgsm >= 0.5 or flops <= 20")[0] == {"a", "b"}
    assert kept(rows, constraints="robustness_fgsm >= 0.1 and flops <= 30") == ({"a", "c"}, missing)
    assert kept(rows, constraints="robustness_fgsm >= 0.5 or robustness_fgsm < 0.2") == ({"a", "c"}, missing)


def test_figures_of_every_alternative_must_be_comparable() -> None:
    rows = front_table(robustness_definition=["x", "y"])
    with pytest.raises(SelectionError, match="robustness_fgsm can be compared only between trials of the same"):
        kept(rows, objectives="flops", constraints="flops > 0 or robustness_fgsm > 0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("conditions") / "store"
    shutil.copytree(STORED, folder)
    return Store(str(folder))


def test_fronts_comparisons_and_choices_of_trials_take_them(store: Store) -> None:
    condition = "structure in [filters, none] and (iterations == 0 or criterion == l1)"
    frame = store.table("trials")
    keys = set(
        frame[frame["structure"].isin(["filters", "none"])].query("iterations == 0 or criterion == 'l1'").trial_key
    )
    assert {key for keys in pareto_front(store, where=[condition]).compared["trial_keys"] for key in keys} == keys
    assert set(choose_trials(store, [condition])) == keys
    pruned = {key for keys in compare_settings(store, where=[condition])["trial_keys"] for key in keys}
    assert pruned == keys - set(frame[frame["iterations"] == 0].trial_key)


# ------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("criterion = l1", '"=" is not an operator; did you mean ==?'),
        ("ratio ≥ 0.1 and seed == 0", '"≥" is not an operator; did you mean >=?'),
        ("ratio <> 0.1", '"<>" is not an operator; did you mean !=?'),
        ("ratio <<= 0.1", '"<<=" is not an operator; use one of >= <= > < == !=, in, not in'),
        ("criterion == l1 && seed == 0", '"&&" joins no comparisons; write and'),
        ("(criterion == l1) | seed == 0", '"|" joins no comparisons; write or'),
        ("criterion in [l1] || seed == 0", '"||" joins no comparisons; write or'),
        (
            "architecture in resnet20,resnet56",
            'the values of "in" are written in brackets: architecture in [resnet20, resnet56]',
        ),
        ("seed not in 1 and ratio == 0.1", 'the values of "not in" are written in brackets: seed not in [1]'),
        ("seed in", 'the values of "in" are written in brackets: seed in [VALUE, …]'),
        ("criterion == [l1, pls]", "a list is compared with in or not in; a value with brackets is written in quotes"),
        ("criterion in [l1, pls", 'the bracket "[" is not closed'),
        ("(criterion == l1", 'the bracket "(" is not closed'),
        ("criterion == l1)", 'the bracket ")" is not opened'),
        ("criterion in [l1)", 'the bracket "[" is closed by ")"'),
        ("[criterion == l1]", 'comparisons are grouped by "(" and ")"'),
        ("criterion in [l1 or pls]", 'the values of a list are separated by commas, not by "or"'),
        ("criterion in []", 'a value is missing before "]"'),
        ("criterion in [l1,,pls]", 'a value is missing before ","'),
        ("criterion in [l1, >pls]", '">" in a list; a value with a sign is written in quotes'),
        ("criterion in [x (1)]", "a value with brackets is written in quotes"),
        ("seed in [15,000]", '"15,000" in a list; write 15000, or 15, 000 with spaces for several values'),
        ("criterion in [l1], seed == 0", 'write "and" or "or" before ", seed == 0"'),
        ("(criterion == l1) seed == 0", 'write "and" or "or" before "seed == 0"'),
        ("((criterion == l1) seed == 0)", 'write "and" or "or" before "seed == 0)"'),
        (
            "criterion == l1 seed == 0",
            '"criterion == l1 seed == …" has two operators; join two comparisons by "and" or "or", and write a value '
            "with a sign in quotes",
        ),
        ("0.1 <= ratio <= 0.2", '"0.1 <= ratio <= …" has two operators; join two comparisons'),
        ("ratio == 0.1 or 0.2", '"0.2" has no operator; use one of >= <= > < == !=, in, not in'),
        ("ratio == 0.1 or <= 0.2", '"<=" has no column; write COLUMN <= VALUE'),
        ("in [0.1]", "it has no column; write COLUMN in [VALUE, …]"),
        ("ratio <= and seed == 0", '"ratio <=" has no value; write COLUMN <= VALUE'),
        ("ratio == 0.1 and", "a comparison is missing at the end"),
        ("or ratio == 0.1", 'a comparison is missing before "or"'),
        ("ratio == 0.1 and and seed == 0", 'a comparison is missing before "and"'),
        ("not criterion == l1", '"not" stands only before "in"; write != or not in'),
        ("architecture == 'vgg 16", "the quote ' is not closed"),
        ("", "it has no operator"),
        ("ratio is 0.1", "it has no operator"),
        ("criterion in [l1] or ratio > x", '"x" is not a number'),
        ("ratio in [0.1, 10%]", '"10%" is not a number; did you mean 0.1?'),
        ("ratio in [0.1, 10]", "10 is above 1; it is a share: did you mean 0.1?"),
        ("seed == 0 and nesterov in [maybe]", '"maybe" is neither true nor false'),
        ("criterion > l1", "criterion is text, which is compared with ==, !=, in or not in, not with >"),
        ("flops <= 5 or seed == 0", "flops is a figure; bound it with a constraint"),
        ("(" * (MAX_BRACKETS + 1), f"more than {MAX_BRACKETS} brackets within each other"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_faulty_part(condition: str, fault: str) -> None:
    with pytest.raises(SelectionError) as refused:
        parse_filters([condition], trials().assign(nesterov=True))
    message = str(refused.value)
    assert message.startswith(f'where "{condition}": {fault}') and "\n" not in message


def test_an_unknown_name_is_found_in_any_part() -> None:
    table = trials()
    for condition, fault in {
        "seed == 0 and criterio == l1": 'unknown column in where "{}": "criterio", did you mean criterion?',
        "criterion in [l1, plz]": 'unknown criterion in where "{}": "plz", did you mean pls?',
        "seed == 0 or criterion == lsd": 'unknown criterion in where "{}": "lsd"',
    }.items():
        with pytest.raises(SelectionError) as refused:
            parse_filters([condition], table)
        assert str(refused.value).startswith(fault.format(condition))
    assert met("criterion not in [lsd]", table) == [*table.index]  # as with !=


def test_a_mistake_in_a_constraint() -> None:
    with pytest.raises(SelectionError, match="ratio is a setting; filter by it with where"):
        parse_constraints(["flops <= 5 or ratio == 0.1"], trials())


def test_random_texts_are_read_or_refused() -> None:
    draw = random.Random(0)
    pieces = [*OPERATORS, "and", "or", "not", "(", ")", "[", "]", ",", "'", '"', "&&", "=", "x", "1", "a b", " "]

    def comparison(*_: object) -> Any:
        return None

    for _ in range(5000):
        text = " ".join(draw.choices(pieces, k=draw.randint(0, 8)))
        try:
            parse_condition(text, comparison)
        except ConditionFault as fault:
            assert str(fault) and "\n" not in str(fault)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_that_takes_conditions_shows_the_grammar(name: str) -> None:
    shown = " ".join(command(name, "--help").output.replace("│", " ").split())
    assert (CONDITION_GRAMMAR in shown) == ("condition" in shown.replace(CONDITION_GRAMMAR, "").lower())
