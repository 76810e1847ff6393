"""Numbers in conditions: in the notations of people and of printed tables, in the unit of their column."""

import shutil
from pathlib import Path

import pytest

from prunesweep import pareto_front
from prunesweep.orchestrator.query.amounts import read_amount
from prunesweep.orchestrator.query.errors import SelectionError
from tests.helpers.command import command, refusal

STORED = Path(__file__).parents[1] / "stores" / "version_0.1.0" / "store"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("15M", 15e6),
        ("15 M", 15e6),
        ("15m", 15e6),
        ("15e6", 15e6),
        ("15000000", 15e6),
        ("15,000,000", 15e6),
        ("20.28 M", 20_280_000),
        ("1,234.50 M", 1_234_500_000),
        ("1.5G", 1.5e9),
        ("0.3B", 3e8),
        ("2T", 2e12),
        ("270K", 270e3),
        (".5k", 500),
        ("+1k", 1000),
        ("0", 0),
    ],
)
def test_an_amount_is_read_as_tables_print_it(text: str, meant: float) -> None:
    assert read_amount(text, "flops") == read_amount(text, "parameters") == meant


@pytest.mark.parametrize(
    "text", ["M", "15 MB", "15MM", "1e6M", "1,5M", "15,0000", "1 000 000", "15_000", "1/2M", "nan", "inf", "0x10", "-"]
)
def test_other_texts_than_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        read_amount(text, "flops")


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("generalization", "0.9", 0.9),
        ("generalization", "1", 1),
        ("robustness_fgsm_selection", "0", 0),
        ("generalization_gain", "-1", -1),
        ("generalization_gain", "-0.5", -0.5),
        ("robustness_gain_over_control", "12.5", 12.5),
        ("ratio", "1/8", 0.125),
        ("learning_rate", "1e-3", 0.001),
        ("mce", "120", 120),
        ("seconds", "1.5k", 1500),
    ],
)
def test_a_value_in_its_unit_is_taken(column: str, text: str, value: float) -> None:
    assert read_amount(text, column) == value


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("generalization", "90", "90 is above 1; it is a share: did you mean 0.9?"),
        ("robustness_pgd", "2.5", "did you mean 0.025?"),
        ("robustness_selection", "90%", '"90%" is not a number; did you mean 0.9?'),
        ("corruption_accuracy", "55", "did you mean 0.55?"),
        ("generalization", "-1", "-1 is below 0; it is a share: did you mean generalization_gain?"),
        ("robustness_fgsm", "-2", "did you mean robustness_fgsm_gain?"),
        ("generalization_gain", "-1%", '"-1%" is not a number; did you mean -1?'),
        ("generalization_gain", "900", "gains are percentage points, from -100 to 100"),
        ("ratio", "10", "10 is above 1; it is a share: did you mean 0.1?"),
        ("label_smoothing", "10", "did you mean 0.1?"),
        ("flops", "10%", '"10%" is not a number'),
    ],
)
def test_a_value_in_another_unit_is_refused_with_what_was_meant(column: str, text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_amount(text, column)
    assert said in str(refused.value)


# On a store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("amounts") / "store"
    shutil.copytree(STORED, folder)
    return str(folder)


@pytest.mark.parametrize("bound", ["15M", "15 M", "15e6", "0.015G", "15,000 K"])
def test_a_bound_in_millions_leaves_out_networks_that_the_table_shows_above_it(store: str, bound: str) -> None:
    front = pareto_front(store, objectives=["robustness", "flops"], constraints=[f"flops < {bound}"])
    assert front.table["flops"].tolist() == [7844096.0]
    printed = command("pareto", "--store", store, "--constraint", f"flops < {bound}").output
    assert "7.84 M" in printed and "20.28 M" not in printed


def test_the_error_line_names_the_condition(store: str) -> None:
    said = refusal("pareto", "--store", store, "--constraint", "generalization >= 90")
    assert said == 'prunesweep: constraint "generalization >= 90": 90 is above 1; it is a share: did you mean 0.9?\n'
    said = refusal("compare", "--store", store, "--where", "ratio == 10")
    assert said == 'prunesweep: where "ratio == 10": 10 is above 1; it is a share: did you mean 0.1?\n'


def test_filters_accept_fractions_and_booleans(store: str) -> None:
    assert pareto_front(store, where=["ratio <= 99/100"]).candidates == pareto_front(store).candidates
    assert pareto_front(store, where=["baseline_nesterov == true"]).candidates
    with pytest.raises(SelectionError, match=r"where not met: baseline_nesterov == False"):
        pareto_front(store, where=["baseline_nesterov == False"])
    with pytest.raises(SelectionError, match='where "flip == maybe": "maybe" is neither true nor false'):
        pareto_front(store, where=["flip == maybe"])
