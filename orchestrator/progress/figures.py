"""The figures of a sweep's networks so far, from the events of its trials and from the store."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunesweep.orchestrator.query.amounts import format_millions
from prunesweep.orchestrator.selection.dominance import non_dominated
from prunesweep.results_store.schema import HALF_SUFFIXES
from prunesweep.results_store.sweep_status import FrontNetwork
from prunesweep.sweeps.catalogue import CLEAN
from prunesweep.sweeps.descriptions import describe_setting
from prunesweep.sweeps.trial import Trial

ALL_IMAGES, SELECTION_HALF = 0, 1


@dataclass
class NetworkFigures:
    """The figures of one network as far as they are known.

    Attributes:
        flops: floating-point operations for one image; 0 if the number is not known.
        accuracies: by the name of the attack, ``clean`` for none, the accuracies at the headline severity on all test
            images, the selection half and the report half, each in [0, 1].
    """

    flops: int = 0
    accuracies: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def generalization(self, half: int = ALL_IMAGES) -> float | None:
        """Return the accuracy on clean images, in [0, 1], or None if it is not known."""
        clean = self.accuracies.get(CLEAN, ())
        return clean[half] if clean else None

    def robustness(self, attacks: Collection[str], half: int = ALL_IMAGES) -> float | None:
        """Return the mean accuracy under some attacks, in [0, 1], or None if one of them is not known."""
        known = [self.accuracies[attack][half] for attack in attacks if self.accuracies.get(attack)]
        return fmean(known) if known and len(known) == len(attacks) else None


class SweepFigures:
    """The figures of all networks of a sweep, by trial key."""

    def __init__(self) -> None:
        """Start without any figures."""
        self._networks: defaultdict[str, NetworkFigures] = defaultdict(NetworkFigures)

    def __getitem__(self, key: str) -> NetworkFigures:
        """Return the figures of one network, to read or to complete."""
        return self._networks[key]

    def add_rows(self, rows: Iterable[Mapping[Any, Any]], attacks: Collection[str]) -> None:
        """Add the figures of stored networks.

        Args:
            rows: rows of the table ``trials``.
            attacks: the attacks of the sweep.
        """
        for row in rows:
            figures = self._networks[row["trial_key"]]
            figures.flops = int(row["flops"])
            columns = {CLEAN: "generalization"} | {attack: f"robustness_{attack}" for attack in attacks}
            for attack, column in columns.items():
                values = tuple(float(row[f"{column}{suffix}"]) for suffix in HALF_SUFFIXES)
                if not any(map(np.isnan, values)):
                    figures.accuracies[attack] = values

    def describe_result(self, trial: Trial) -> str:
        """Return what came out of a trial, in words on one line; empty if nothing is known.

        The gains are over the trial's control, or over its baseline while the control is not done.
        """
        attacks, own = trial.context.attacks, self._networks[trial.key]
        generalization, robustness = own.generalization(), own.robustness(attacks)
        words = [] if generalization is None else [f"generalization {generalization:.3f}"]
        words += [] if robustness is None else [f"robustness {robustness:.3f}"]
        words += [f"{format_millions(own.flops)} FLOPs"] if own.flops else []
        return ", ".join(words) + self._describe_gains(trial, generalization, robustness)

    def gains(self, trial: Trial) -> dict[str, float]:
        """Return the gains of a trial over its control, by column, in percentage points; empty if they are not known.

        Without a control that is done, they are the gains over the baseline.
        """
        own, attacks = self._networks[trial.key], trial.context.attacks
        for other, suffix in ((trial.control, "gain_over_control"), (trial.baseline, "gain")):
            if other is None or other is trial:
                continue
            others = self._networks[other.key]
            pairs = {
                "generalization": (own.generalization(), others.generalization()),
                "robustness": (own.robustness(attacks), others.robustness(attacks)),
            }
            gains = {
                f"{name}_{suffix}": 100 * (ours - theirs)
                for name, (ours, theirs) in pairs.items()
                if ours is not None and theirs is not None
            }
            if len(gains) == len(pairs):
                return gains
        return {}

    def _describe_gains(self, trial: Trial, generalization: float | None, robustness: float | None) -> str:
        gains = self.gains(trial)
        if not gains:
            return ""
        over = "control" if next(iter(gains)).endswith("control") else "baseline"
        return f" (over its {over} {' and '.join(f'{gain:+.1f}' for gain in gains.values())} p.p.)"

    def front(self, trials: Iterable[Trial]) -> list[FrontNetwork]:
        """Return the front so far in generalization, robustness and FLOPs on the selection half.

        The trials of a setting that are done are averaged. The best in generalization comes first.

        Args:
            trials: the trials of the sweep.
        """
        by_setting: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
        first_trials: dict[str, Trial] = {}
        for trial in trials:
            objectives = self._objectives(trial)
            if objectives is not None:
                by_setting[trial.setting_key].append(objectives)
                first_trials.setdefault(trial.setting_key, trial)
        if not by_setting:
            return []
        losses = np.array([np.mean(of_setting, axis=0) for of_setting in by_setting.values()])
        first = list(first_trials.values())
        optimal = sorted(np.flatnonzero(non_dominated(losses)), key=lambda index: tuple(losses[index]))
        return [_front_network(first[index], losses[index]) for index in optimal]

    def _objectives(self, trial: Trial) -> tuple[float, float, float] | None:
        """Return a trial's generalization and robustness on the selection half, negated, and its FLOPs.

        If one of them is not known, the result is None.
        """
        figures = self._networks.get(trial.key)
        if figures is None:
            return None
        generalization = figures.generalization(SELECTION_HALF)
        robustness = figures.robustness(trial.context.attacks, SELECTION_HALF)
        if generalization is None or robustness is None or not figures.flops:
            return None
        return -generalization, -robustness, float(figures.flops)


def _front_network(trial: Trial, losses: NDArray[np.float64]) -> FrontNetwork:
    return {
        "key": trial.key,
        "network": describe_setting({**trial.settings, "blocks": trial.round.blocks}),
        "generalization": -float(losses[0]),
        "robustness": -float(losses[1]),
        "flops": float(losses[2]),
    }
