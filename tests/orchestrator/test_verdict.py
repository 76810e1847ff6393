"""The sanity rules and the verdict, on made-up outcomes."""

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from prunesweep.orchestrator.analyses.robustness import HOLDS, MASKING, ONLY_FGSM, UNDECIDED, check_rules, judge
from prunesweep.sweeps.analyses import Effort
from prunesweep.workers.analyses.robustness.evidence import EpsilonOutcome, Evidence, NetworkEvidence

IMAGES, SUBSET = 400, 100
SMALL, LARGE, FAR, EVERYTHING, HEADLINE = 1 / 255, 2 / 255, 8.5 / 255, 0.5, 8 / 255

# Of 400 images, how many each attack leaves; of plain networks.
PLAIN: dict[tuple[str, float], int] = {
    ("fgsm", SMALL): 280,
    ("fgsm", LARGE): 180,
    ("fgsm", HEADLINE): 80,
    ("fgsm", FAR): 76,
    ("fgsm_margin", SMALL): 276,
    ("fgsm_margin", LARGE): 176,
    ("fgsm_margin", HEADLINE): 76,
    ("fgsm_margin", FAR): 72,
    ("pgd", SMALL): 264,
    ("pgd", LARGE): 132,
    ("pgd", FAR): 0,
    ("pgd", EVERYTHING): 0,
    ("pgd_margin", SMALL): 260,
    ("pgd_margin", LARGE): 130,
    ("pgd_margin", FAR): 0,
    ("pgd_margin", EVERYTHING): 0,
    ("square", LARGE): 398,
    ("square", FAR): 400,
    ("transfer_from_baseline", SMALL): 300,
    ("transfer_from_baseline", LARGE): 240,
    ("transfer_from_baseline", FAR): 60,
    ("transfer_from_baseline", HEADLINE): 60,
}
EVERY_FOURTH = np.arange(IMAGES) % 4 == 0


def network(left: Mapping[tuple[str, float], int] = PLAIN, shift: int = 0, vanishing: float = 0.02) -> NetworkEvidence:
    """The first so many images stand, but for Square, which fools the first of the others; all from ``shift`` on."""

    def standing(count: int) -> NDArray[np.bool_]:
        return np.roll(np.arange(IMAGES) < count, shift)

    outcomes = []
    for (attack, epsilon), count in left.items():
        everyone = epsilon in (SMALL, LARGE, HEADLINE)
        attacked = np.ones(IMAGES, bool) if everyone else EVERY_FOURTH
        correct = standing(count)
        if attack == "square":
            attacked, correct = EVERY_FOURTH, ~np.roll(np.arange(IMAGES) < IMAGES - count, shift)
        outcomes.append(EpsilonOutcome(attack, epsilon, correct | ~attacked, attacked))
    return NetworkEvidence(
        clean=standing(360),
        outcomes=tuple(outcomes),
        smallest=np.full(SUBSET, 1.5 / 255),
        vanishing={"cross_entropy": vanishing, "margin": 0.0},
        logit_margin=12.0,
    )


def evidence(under_test: NetworkEvidence, baseline: NetworkEvidence | None = None) -> Evidence:
    return Evidence(
        networks={"network": under_test, "baseline": baseline or network()},
        epsilons=(SMALL, LARGE),
        far=FAR,
        everything=EVERYTHING,
        headline=HEADLINE,
        classes=10,
        effort=Effort(),
    )


def everything_leaves(count: int) -> dict[tuple[str, float], int]:
    """So many images stand however far pixels go, and however they are attacked."""
    return {place: max(count, left) for place, left in PLAIN.items() if place[1] >= HEADLINE}


def alarms(under_test: NetworkEvidence) -> set[str]:
    return {check.rule for check in check_rules(evidence(under_test)) if check.broken}


def test_a_plain_network_breaks_no_rule() -> None:
    assert alarms(network()) == set()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({("fgsm", HEADLINE): 210, ("fgsm_margin", HEADLINE): 206}, "accuracy never rises with ε"),
        ({("pgd", SMALL): 300, ("pgd_margin", SMALL): 280}, "PGD ≤ FGSM"),
        ({("square", FAR): 340, ("pgd", FAR): 76, ("pgd_margin", FAR): 72}, "black-box ≥ white-box"),
        ({("transfer_from_baseline", LARGE): 100}, "black-box ≥ white-box"),
        (everything_leaves(120), "at most chance at ε ≥ 0.5"),
        ({("pgd_margin", LARGE): 60, ("fgsm_margin", LARGE): 140}, "the margin loss finds what cross-entropy does"),
    ],
)
def test_each_rule_is_broken_by_what_it_is_about_and_by_nothing_else(
    changes: dict[tuple[str, float], int], rule: str
) -> None:
    assert alarms(network(PLAIN | changes)) == {rule}


def test_vanishing_gradients_alarm() -> None:
    assert alarms(network(vanishing=0.5)) == {"gradients do not vanish"}


def test_vanishing_gradients_are_a_share_of_what_is_classified_rightly() -> None:
    """8 of 30 may be chance where a tenth is allowed, p = 0.008; 27 of 100 were none."""
    smallest = np.where(np.arange(SUBSET) < 30, 1.5 / 255, 0.0)
    checks = check_rules(evidence(replace(network(vanishing=8 / 30), smallest=smallest)))
    (check,) = (check for check in checks if check.line.startswith("the cross-entropy loss"))
    assert check.images == 30
    assert check.p == pytest.approx(binomtest(8, 30, 0.1, alternative="greater").pvalue)
    assert not check.broken


@pytest.mark.parametrize(
    "changes",
    [
        {("fgsm", HEADLINE): 183, ("fgsm_margin", HEADLINE): 180},  # under the tolerance
        {("pgd", SMALL): 287},
        {("transfer_from_baseline", LARGE): 124},
        everything_leaves(52),  # 13 of 100 is not significantly above chance
    ],
)
def test_what_chance_may_bring_is_no_alarm(changes: dict[tuple[str, float], int]) -> None:
    assert alarms(network(PLAIN | changes)) == set()


def test_the_figures_of_a_check_by_hand() -> None:
    """PGD leaves images 0–299, FGSM 0–279: 20 of 400 against the rule and none for it, p = 2⁻²⁰."""
    (check,) = (
        check
        for check in check_rules(evidence(network(PLAIN | {("pgd", SMALL): 300})))
        if check.line.startswith("pgd leaves") and "than fgsm at 1/255" in check.line
    )
    assert (check.share, check.images) == (0.05, 400)
    assert check.p == pytest.approx(2.0**-20)
    assert check.line == "pgd leaves 5.0% more than fgsm at 1/255"


def test_a_share_is_tested_exactly() -> None:
    check = next(
        check
        for check in check_rules(evidence(network(PLAIN | everything_leaves(120))))
        if check.rule.startswith("at most chance")
    )
    assert check.p == pytest.approx(binomtest(30, 100, 0.1, alternative="greater").pvalue)


def better(left: Mapping[tuple[str, float], int], by: int) -> dict[tuple[str, float], int]:
    """What an honestly better network keeps: more under every attack at small ε."""
    return {place: count + by if 0 < count < 360 and place[0] != "square" else count for place, count in left.items()}


def test_an_honest_gain_holds() -> None:
    verdict = judge(evidence(network(better(PLAIN, 30))))
    assert verdict.verdict == HOLDS
    assert verdict.alarms == []
    # 30 images more at each of two ε, of 400; Square takes two of either.
    assert verdict.gain == pytest.approx(100 * 30 / IMAGES)
    assert 0 < verdict.lower < verdict.gain
    assert verdict.gain_over_control is None


def test_the_same_gain_with_an_alarm_is_masking() -> None:
    changed = better(PLAIN, 30) | {("pgd", EVERYTHING): 200}
    assert judge(evidence(network(changed))).verdict == MASKING


def test_a_gain_under_fgsm_alone_is_said_to_be_that() -> None:
    changed = PLAIN | {("fgsm", SMALL): 300, ("fgsm", LARGE): 200}
    verdict = judge(evidence(network(changed)))
    assert verdict.verdict == ONLY_FGSM
    assert verdict.evidence["fgsm_gain"]["graded"]["lower"] > 0
    at_the_headline = judge(evidence(network(PLAIN | {("fgsm", HEADLINE): 100, ("fgsm", FAR): 76})))
    assert at_the_headline.verdict == ONLY_FGSM


def test_one_strong_attack_undoes_the_gain_under_all_others() -> None:
    """The worst case is what counts: better under seven attacks and no better under the eighth."""
    changed = better(PLAIN, 30) | {("pgd_margin", e): PLAIN["pgd_margin", e] for e in (SMALL, LARGE)}
    assert judge(evidence(network(changed))).verdict == ONLY_FGSM


def test_a_network_against_itself_is_undecided() -> None:
    verdict = judge(evidence(network()))
    assert (verdict.verdict, verdict.gain, verdict.lower) == (UNDECIDED, 0.0, 0.0)


def test_a_gain_that_noise_may_make_is_undecided() -> None:
    """132 images against 130, but other ones: as many are lost as won."""
    assert judge(evidence(network(better(PLAIN, 2), shift=20))).verdict == UNDECIDED


def test_a_few_images_prove_nothing() -> None:
    """Nine images won and none lost: the bootstrap's bound is above 0, and there are too few of them."""
    changed = {place: count + 9 if place[0].startswith("pgd") and count else count for place, count in PLAIN.items()}
    changed |= {place: count + 9 for place, count in changed.items() if place[0].startswith("fgsm") and count < 360}
    verdict = judge(evidence(network(changed)))
    assert verdict.lower > 0
    assert verdict.evidence["images_that_differ"] == 18  # nine at either ε
    few = dict(changed) | {("pgd", LARGE): 132, ("pgd_margin", LARGE): 130}
    lone = judge(evidence(network(few)))
    assert lone.evidence["images_that_differ"] == 9
    assert lone.lower > 0
    assert lone.verdict != HOLDS


def test_the_control_is_told_apart_from_the_baseline() -> None:
    asked = evidence(network(better(PLAIN, 30)))
    with_control = replace(asked, networks={**asked.networks, "control": network(better(PLAIN, 40))})
    verdict = judge(with_control)
    assert verdict.gain_over_control is not None and verdict.lower_over_control is not None
    assert verdict.gain > 0 > verdict.gain_over_control > verdict.lower_over_control


def test_the_evidence_is_json_with_every_check() -> None:
    verdict = judge(evidence(network()))
    stored = json.loads(json.dumps(verdict.evidence, allow_nan=False))
    assert {check["rule"] for check in stored["checks"]["network"]} == {
        "accuracy never rises with ε",
        "PGD ≤ FGSM",
        "black-box ≥ white-box",
        "at most chance at ε ≥ 0.5",
        "the margin loss finds what cross-entropy does",
        "gradients do not vanish",
    }
    assert stored["networks"]["network"]["worst_case"] == [260, 129]  # of the last two, Square sees and fools one
