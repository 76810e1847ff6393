"""The verdict on a gain in robustness, with its evidence, as a table."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pandas as pd

from prunesweep.orchestrator.analyses.robustness.rules import in_levels
from prunesweep.orchestrator.analyses.robustness.verdict import CONFIDENCE
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
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


def verdict_view(result: VerdictResult) -> TableView:
    """Return a verdict as a table of accuracies in %, with the gains, their lower bounds and the alarms as notes.

    It has one column per network, and one row per attack and ε. A further row gives the worst case over the attacks at
    each ε at which the gains are taken.
    """
    networks: dict[str, dict[str, Any]] = result["evidence"]["networks"]
    rows = [
        _Row("0", "none", [_percent(one["clean"], result["images"]) for one in networks.values()]),
        *(row for epsilon in _epsilons(networks) for row in _rows_of_epsilon(result, epsilon)),
        *_diagnostic_rows(networks),
    ]
    return TableView(
        title=f"{result['trial_key'][:KEY_DIGITS]}: {result['verdict']}",
        columns=[
            ViewColumn("ε", [row.epsilon for row in rows]),
            ViewColumn("attack", [row.name for row in rows], wraps=True),
            *(
                ViewColumn(f"{name}, %", [row.cells[index] for row in rows], is_number=True)
                for index, name in enumerate(networks)
            ),
        ],
        frame=pd.DataFrame([{"epsilon": row.epsilon, "row": row.name, **row.cells_by(networks)} for row in rows]),
        records=result,
        notes=_notes(result),
    )


class _Row(NamedTuple):
    """A row of the table: its ε and name, and one cell per network."""

    epsilon: str
    name: str
    cells: list[str]

    def cells_by(self, networks: Iterable[str]) -> dict[str, str]:
        return dict(zip(networks, self.cells, strict=True))


def _rows_of_epsilon(result: VerdictResult, epsilon: float) -> Iterator[_Row]:
    """Yield one row per attack within ε, and the worst case if the verdict takes gains at this ε."""
    evidence = result["evidence"]
    first = in_levels(epsilon)
    for attack, name in _NAMES.items():
        cells = [_cell(network, attack, epsilon) for network in evidence["networks"].values()]
        if any(cells):
            yield _Row(first, name, cells)
            first = ""
    if epsilon in evidence["epsilons"]:
        index = evidence["epsilons"].index(epsilon)
        worst = [_percent(one["worst_case"][index], result["images"]) for one in evidence["networks"].values()]
        yield _Row("", "worst case of these", worst)


def _diagnostic_rows(networks: dict[str, dict[str, Any]]) -> Iterator[_Row]:
    """Yield the rows of figures that tell whether a network hides its gradients."""
    yield _Row("", "median smallest ε that fools", [_median(one) for one in networks.values()])
    yield _Row("", "mean logit margin", [f"{one['logit_margin']:.1f}" for one in networks.values()])
    for loss in next(iter(networks.values()))["vanishing_gradients"]:
        shares = [f"{100 * one['vanishing_gradients'][loss]:.1f}" for one in networks.values()]
        yield _Row("", f"no gradient of the {loss.replace('_', '-')} loss", shares)


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


def _notes(result: VerdictResult) -> list[str]:
    """Return the gains with their lower bounds, the alarms, and how the networks were attacked."""
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
    return lines
