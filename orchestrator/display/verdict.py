"""Rendering the verdict on a gain in robustness, with its evidence, for a terminal."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.analyses.robustness.rules import in_levels
from prunesweep.orchestrator.analyses.robustness.verdict import CONFIDENCE
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.results_store.documents import VerdictResult
from prunesweep.results_store.verdict_names import (
    AUTOATTACK,
    BASELINE,
    CONTROL,
    FGSM,
    FGSM_MARGIN,
    NETWORK,
    PGD,
    PGD_MARGIN,
    SQUARE,
    TRANSFER_FROM,
)
from prunesweep.sweeps.words import counted

_NAMES = {
    FGSM: "FGSM, cross-entropy",
    FGSM_MARGIN: "FGSM, margin loss",
    PGD: "PGD, cross-entropy",
    PGD_MARGIN: "PGD, margin loss",
    SQUARE: "Square, on what remained",
    AUTOATTACK: "AutoAttack, on what remained",
    f"{TRANSFER_FROM}{NETWORK}": "images crafted on the network",
    f"{TRANSFER_FROM}{BASELINE}": "images crafted on the baseline",
    f"{TRANSFER_FROM}{CONTROL}": "images crafted on the control",
}


def render_verdict(result: VerdictResult) -> Table:
    """Return a view of a verdict: accuracies in %, with the gains, their lower bounds and the alarms as caption.

    It has one column per network, and one row per attack and ε. A further row gives the worst case over the attacks at
    each ε at which the gains are taken.
    """
    evidence = result["evidence"]
    networks: dict[str, dict[str, Any]] = evidence["networks"]
    table = Table(
        title=f"{result['trial_key'][:KEY_DIGITS]}: {result['verdict']}",
        caption=_caption(result),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("ε")
    table.add_column("attack")
    for name in networks:
        table.add_column(f"{name}, %", justify="right", no_wrap=True)
    table.add_row("0", "none", *(_percent(one["clean"], result["images"]) for one in networks.values()))
    for epsilon in _epsilons(networks):
        _add_epsilon(table, result, epsilon)
    table.add_section()
    table.add_row("", "median smallest ε that fools", *(_median(one) for one in networks.values()))
    table.add_row("", "mean logit margin", *(f"{one['logit_margin']:.1f}" for one in networks.values()))
    for loss in next(iter(networks.values()))["vanishing_gradients"]:
        shares = (f"{100 * one['vanishing_gradients'][loss]:.1f}" for one in networks.values())
        table.add_row("", f"no gradient of the {loss.replace('_', '-')} loss", *shares)
    return table


def _add_epsilon(table: Table, result: VerdictResult, epsilon: float) -> None:
    """Add one row per attack within ε, and the worst case if the verdict takes gains at this ε."""
    evidence = result["evidence"]
    table.add_section()
    first = in_levels(epsilon)
    for attack, name in _NAMES.items():
        cells = [_cell(network, attack, epsilon) for network in evidence["networks"].values()]
        if any(cells):
            table.add_row(first, name, *cells)
            first = ""
    if epsilon in evidence["epsilons"]:
        index = evidence["epsilons"].index(epsilon)
        worst = (_percent(one["worst_case"][index], result["images"]) for one in evidence["networks"].values())
        table.add_row("", "worst case of these", *worst, style="bold")


def _epsilons(networks: dict[str, dict[str, Any]]) -> list[float]:
    return sorted({row["epsilon"] for network in networks.values() for row in network["attacks"]})


def _cell(network: dict[str, Any], attack: str, epsilon: float) -> str:
    """Return the accuracy in %, or counts for an attack on some images only; empty if the attack was not run."""
    for row in network["attacks"]:
        if (row["attack"], row["epsilon"]) == (attack, epsilon):
            if attack in (SQUARE, AUTOATTACK):
                return f"{row['left']} of {row['attacked']}"
            return _percent(row["left"], row["attacked"])
    return ""


def _percent(count: int, images: int) -> str:
    return f"{100 * count / images:.1f}" if images else ""


def _median(network: dict[str, Any]) -> str:
    median = network["median_smallest_epsilon"]
    return "beyond the grid" if median is None else in_levels(median)


def _caption(result: VerdictResult) -> str:
    evidence, effort = result["evidence"], result["evidence"]["effort"]
    lines = [
        f"gain over the baseline in worst-case accuracy, mean of {', '.join(map(in_levels, evidence['epsilons']))}: "
        f"{result['gain']:+.2f} p.p., {CONFIDENCE:.0%} lower bound {result['lower']:+.2f}",
    ]
    if result["gain_over_control"] is not None and result["lower_over_control"] is not None:
        lines.append(f"over the control: {result['gain_over_control']:+.2f} p.p., {result['lower_over_control']:+.2f}")
    for name, gain in evidence["fgsm_gain"].items():
        at = "the same ε" if name == "graded" else in_levels(evidence["headline"])
        lines.append(f"FGSM alone at {at}: {gain['gain']:+.2f} p.p., lower bound {gain['lower']:+.2f}")
    lines += [f"alarm: {alarm}" for alarm in result["alarms"]] or ["no sanity rule is broken"]
    lines += [
        f"{counted(result['images'], 'image')} of the selection half; PGD: {counted(effort['steps'], 'step')}, "
        f"{counted(effort['restarts'], 'restart')}; Square: {counted(effort['queries'], 'query', 'queries')}, of "
        f"{counted(effort['subset'], 'image')}",
        *(f"{note}" for note in evidence["notes"]),
    ]
    return "\n".join(lines)
