"""The page on statistics: its examples are computed from its own tables, and every number in them is found."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from prunesweep import compare_settings, main_effects, pareto_front
from prunesweep.orchestrator.statistics import estimate, holm, mcnemar, smallest_gain
from prunesweep.results_store import Store
from prunesweep.results_store.halves import selection_half
from tests.helpers.command import command
from tests.helpers.pages import ROOT, Page
from tests.helpers.stored_trials import UNPRUNED, store_baseline, store_pruned, store_trial

PAGE = Page(ROOT / "docs" / "statistics.md")
TEXT = " ".join(PAGE.text.split())
IMAGES = 360


def table_below(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading's example."""
    example = PAGE.text.partition(f"## {heading}")[2].partition("**Example.**")[2]
    table = re.search(r"(?:^\|.*\n)+", example, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table[0].splitlines()[2:]]


Outcomes = NDArray[np.bool_]


@pytest.fixture(scope="module")
def seeds() -> list[tuple[Outcomes, Outcomes]]:
    """For each seed of the first example, the outcomes of the pruned network and of its control."""
    pairs = []
    for _, both, ours, theirs, gain in table_below("What is compared"):
        counts = (int(both), int(ours), int(theirs), IMAGES - int(both) - int(ours) - int(theirs))
        pruned, control = np.repeat([1, 1, 0, 0], counts).astype(bool), np.repeat([1, 0, 1, 0], counts).astype(bool)
        assert gain.endswith(f"{100 * (pruned.mean() - control.mean()):+.2f}")
        pairs.append((pruned, control))
    assert len(pairs) == 3
    return pairs


def test_the_intervals_of_the_example(seeds: list[tuple[Outcomes, Outcomes]], tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for seed, (pruned, control) in enumerate(seeds):
        store_trial(store, f"base{seed}", control, baseline=f"base{seed}", seed=seed)
        store_trial(store, f"control{seed}", control, baseline=f"base{seed}", seed=seed, **UNPRUNED)
        store_pruned(store, f"pruned{seed}", pruned, seed)
    (row,) = (row for _, row in compare_settings(store, over="control", figures=["robustness"]).iterrows())
    printed = f"{row['mean']:+.2f} ± {row['sd']:.2f}"
    assert f"prints `{printed}`" in TEXT
    assert printed in command("compare", "--over", "control", "--store", store.url).stdout
    assert (
        f"The mean is {row['mean']:+.2f} p.p., and the standard deviation over the seeds (sd) {row['sd']:.2f}" in TEXT
    )
    over_seeds = f"−{-row['seeds_low']:.2f} … {row['seeds_high']:+.2f}"
    assert f"t is {stats.t.ppf(0.975, 2):.2f} for three seeds, and the interval is {over_seeds}. It contains 0" in TEXT
    assert f"for each seed, it is {row['images_low']:+.2f} … {row['images_high']:+.2f}. It excludes 0" in TEXT


def test_the_p_values_of_the_example(seeds: list[tuple[Outcomes, Outcomes]]) -> None:
    p_values = [mcnemar(*pair) for pair in seeds]
    first = stats.binomtest(3, 15).pvalue
    assert f"For seed 0, at most 3 of 15 tosses on one side, in both directions: p = {first:.4f}" in TEXT
    words = [" and ".join(", ".join(f"{p:.4f}" for p in ps).rsplit(", ", 1)) for ps in (p_values, holm(p_values))]
    assert f"have p = {words[0]}, and p Holm = {words[1]}: seed 0 is no longer" in TEXT


def test_the_detectable_gain_of_the_example() -> None:
    assert f"tell seed 0's networks apart, it is {smallest_gain(IMAGES, 15 / IMAGES):.2f} p.p." in TEXT
    assert smallest_gain(4 * IMAGES, 15 / IMAGES) == pytest.approx(smallest_gain(IMAGES, 15 / IMAGES) / 2, rel=0.02)


def test_the_main_effects_of_the_example(tmp_path: Path) -> None:
    store, control = Store(str(tmp_path)), 50
    for seed in (0, 1):
        store_baseline(store, seed, control_correct=control)
    rows = table_below("Main effects")
    for baseline, ratio, *gains, _ in rows:
        seed = int(baseline.removeprefix("seed "))
        for criterion, gain in zip(("l1", "pls"), gains, strict=True):
            if gain:
                key = f"{criterion}-{ratio}-{seed}"
                store_pruned(store, key, control + int(gain), seed, criterion=criterion, ratio=float(ratio))
    found = main_effects(store, axes=["criterion"])
    (effects,) = found.effects
    assert effects.matching.matches == sum(row[-1] == "a match" for row in rows)
    assert effects.matching.unmatched == {"no matching trial of criterion pls": 1}
    mean = found.table.set_index("value")["mean"]
    assert f"l1 gains 6 and 10, on average {mean['l1']:g}; pls gains 3 and 1, on average {mean['pls']:g}" in TEXT
    lead = effects.lead.difference
    assert f"are 3 and 9, and l1 is ahead by {lead.mean:g} p.p. in the mean" in TEXT
    assert (
        f"with two baselines t is {stats.t.ppf(0.975, 1):.2f}, and the interval is −{-lead.low:.2f} to {lead.high:.2f}"
        in TEXT
    )
    assert not effects.lead.is_clear and "cannot be told apart" in effects.sentence


@pytest.mark.parametrize(("values", "baselines"), [(2, 3), (3, 2), (3, 5), (6, 2), (6, 10)])
def test_equal_values_are_called_ahead_in_at_most_5_percent_of_experiments(values: int, baselines: int) -> None:
    assert "is called ahead of the other in at most 5 %" in TEXT
    experiments = 20_000
    gains = np.random.default_rng(values).normal(size=(experiments, baselines, values))
    ranked = np.argsort(-gains.mean(axis=1), axis=1)
    rows = np.arange(experiments)
    leads = gains[rows, :, ranked[:, 0]] - gains[rows, :, ranked[:, 1]]
    reach = stats.t.ppf(0.975, baselines - 1) * leads.std(axis=1, ddof=1) / np.sqrt(baselines)
    called = leads.mean(axis=1) > reach
    assert called.mean() < 0.055
    for lead in leads[:5]:  # the interval that main effects have
        assert (estimate(lead.tolist()).low > 0) == (lead.mean() > stats.t.ppf(0.975, baselines - 1) * stats.sem(lead))


def test_the_membership_of_the_example(tmp_path: Path) -> None:
    found = re.search(r"classifies (\d+) of (\d+) images .* \(1 − 2/200\)²⁰⁰ = (\d\.\d\d)", TEXT)
    assert found is not None
    apart, images, probability = int(found[1]), int(found[2]), float(found[3])
    chosen = np.flatnonzero(selection_half(2 * images))
    store = Store(str(tmp_path))
    for key, correct in (("worse", 100), ("better", 100 + apart)):
        flags = np.isin(np.arange(2 * images), chosen[:correct])
        store_trial(store, key, flags, baseline="base", attack="clean", ratio=0.01 * correct)
    front = pareto_front(store, objectives=["generalization"], membership=True)
    on_front = front.compared.set_index(front.compared["trial_keys"].str[0])["on_front"]
    assert probability == pytest.approx((1 - apart / images) ** images, abs=0.005)
    assert (on_front["better"], on_front["worse"]) == (1, pytest.approx(probability, abs=0.03))


def test_every_function_that_the_page_names_has_a_source() -> None:
    """The functions in parentheses behind a source, whose docstrings have the formulas."""
    import prunesweep.orchestrator.statistics as statistics
    from prunesweep.orchestrator.selection import membership

    named = re.findall(r"`(\w+)`\)", TEXT)
    assert {"estimate", "paired_difference", "mcnemar", "holm", "smallest_gain", "with_membership"} == {*named}
    for name in named:
        function = getattr(statistics, name, None) or getattr(membership, name)
        assert function.__doc__
