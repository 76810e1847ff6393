"""What a store holds of the paper's experiments: its tables, read once, and the gains of a setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from orchestrator.compare import OVER
from orchestrator.front import trials_of
from orchestrator.outcomes import ImageScores
from orchestrator.selection import SelectionError
from orchestrator.selection.candidates import eligible_trials
from orchestrator.selection.conditions import parse_filters
from orchestrator.statistics import estimate, paired_difference
from results_store import Store

Trial: TypeAlias = "pd.Series[Any]"
"""A row of the table ``trials``."""


@dataclass(frozen=True)
class Gain:
    """A gain in percentage points: the mean over ``seeds`` trials of ``baselines`` baselines, and its interval.

    ``low`` to ``high`` is the 95 % bootstrap interval over test images, the seeds' pairs together: about these
    networks on other images. ``seeds_low`` to ``seeds_high`` is the t interval over the seeds and ``sd`` their standard
    deviation, NaN of one seed: about other seeds of the same baselines.
    """

    mean: float
    low: float
    high: float
    sd: float
    seeds_low: float
    seeds_high: float
    seeds: int
    baselines: int
    images: int

    @property
    def is_clear(self) -> bool:
        """Whether both intervals leave out 0; of one seed, whether that over images does."""
        bounds = (
            [(self.low, self.high)] if self.seeds == 1 else [(self.low, self.high), (self.seeds_low, self.seeds_high)]
        )
        return all(low > 0 for low, _ in bounds) or all(high < 0 for _, high in bounds)


class Experiments:
    """The trials of a store, or of one sweep of it, that meet some conditions."""

    def __init__(self, store: Store, *, sweep: str | None = None, where: Sequence[str] = (), over: str = "baseline"):
        """
        Args:
            where: such as ``"dataset == cifar10"``, on settings and the seed; all must hold.
            over: ``baseline``, as the paper has its gains, or ``control``.

        Raises:
            UserError: one line about the store, the sweep's name or a condition.
        """
        if over not in OVER:
            raise SelectionError(f"over {over!r}: allowed: {', '.join(OVER)}")
        self.store = store
        self.over = over
        every = trials_of(store, sweep)
        self.trials = eligible_trials(every, parse_filters(where, every), ())[0].reset_index(drop=True)
        self._scores = ImageScores(store, every, sweep)
        _check_one_data_set(self.trials)

    @cached_property
    def attacks(self) -> pd.DataFrame:
        """The table ``attacks`` of these trials."""
        return self._of("attacks", "trial_key")

    @cached_property
    def history(self) -> pd.DataFrame:
        """The table ``history`` of these trials."""
        return self._of("history", "trial_key")

    @cached_property
    def elements(self) -> pd.DataFrame:
        """The table ``elements`` of these trials."""
        return self._of("elements", "trial_key")

    def transferred(self, source: Trial, target: Trial) -> pd.DataFrame:
        """The rows of the table ``transfer`` by FGSM from one of these trials to another, by severity."""
        rows = self._transfer
        met = (rows["source_key"] == source["trial_key"]) & (rows["target_key"] == target["trial_key"])
        found: pd.DataFrame = rows[met & (rows["attack"] == "fgsm")].sort_values("severity")
        return found

    @cached_property
    def _transfer(self) -> pd.DataFrame:
        return self._of("transfer", "source_key")

    def _of(self, table: str, key: str) -> pd.DataFrame:
        rows = self.store.table(table)
        return rows[rows[key].isin(self.trials["trial_key"])].reset_index(drop=True)

    def where(self, **settings: object) -> pd.DataFrame:
        """The trials with these settings, by seed; of several ratios the lowest, of several epochs the longest."""
        found = self.trials
        for name, value in settings.items():
            found = found[found[name] == value]
        if len(found):
            found = found[found["ratio"] == found["ratio"].min()]
        return found.sort_values(["epochs_total", "seed", "trial_key"], ascending=[False, True, True]).drop_duplicates(
            "seed"
        )

    def first(self, **settings: object) -> Trial | None:
        """The first of the trials with these settings, as ``where`` has them; None where there is none."""
        found = self.where(**settings)
        return found.iloc[0] if len(found) else None

    def gain(self, trials: pd.DataFrame, figures: Sequence[str]) -> Gain | None:
        """The gain of one setting's seeds in the mean of some figures; None where a trial has none of one."""
        ending = OVER[self.over]
        columns = [f"{figure}_{ending}" for figure in figures]
        trials = trials[trials[columns].notna().all(axis=1)]
        if not len(trials):
            return None
        pairs = [self._pair(key, figures, ending) for key in trials["trial_key"]]
        seeds = estimate(trials[columns].mean(axis=1).tolist())
        found = paired_difference(pairs)
        return Gain(
            mean=seeds.mean,
            low=found.low,
            high=found.high,
            sd=seeds.sd,
            seeds_low=seeds.low,
            seeds_high=seeds.high,
            seeds=len(trials),
            baselines=trials["baseline_key"].nunique(),
            images=found.images,
        )

    def _pair(self, key: str, figures: Sequence[str], ending: str) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self._scores.pair_of_gain(key, figure, ending) for figure in figures]
        if len(pairs) == 1:
            return pairs[0]
        ours, theirs = zip(*pairs, strict=True)
        return np.mean(ours, axis=0), np.mean(theirs, axis=0)


def _check_one_data_set(trials: pd.DataFrame) -> None:
    names = sorted(set(trials["dataset"]))
    if len(names) > 1:
        raise SelectionError(
            f"the store holds trials of several data sets ({', '.join(names)}); choose one, as in "
            f"--where 'dataset == {names[0]}'"
        )
