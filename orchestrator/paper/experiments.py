"""What a store holds of the paper's experiments: its tables, read once, and the gains of a setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from prunesweep.orchestrator.comparison.compare import OVER
from prunesweep.orchestrator.query.candidates import eligible_trials
from prunesweep.orchestrator.query.columns import COMPARABLE_WITHIN, SETTING_KEY
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.selection import SelectionError
from prunesweep.orchestrator.statistics import estimate, paired_difference
from prunesweep.results_store import Store
from prunesweep.results_store.image_scores import ImageScores

RATIO = 0.1
"""The share that the paper removes in an iteration."""

TrialRow: TypeAlias = "pd.Series[Any]"
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

    def __init__(self, store: Store, *, sweep: str | None = None, where: Sequence[str] = ()):
        """Args:
            where: such as ``"dataset == cifar10"``, on settings and the seed; all must hold.

        Raises:
            UserError: one line about the store, the sweep's name or a condition, or that no trial is left.
        """
        self.store = store
        self._sweep = sweep
        every = trials_of(store, sweep)
        self.trials = eligible_trials(every, parse_filters(where, every), ())[0].reset_index(drop=True)
        self._scores = ImageScores(store, every, sweep)
        _check_one_data_set(self.trials, f"{store.url}{''.join(f', {condition}' for condition in where)}")

    @cached_property
    def attacks(self) -> pd.DataFrame:
        """The table ``attacks`` of these trials."""
        return self._of_sweep("attacks")

    @cached_property
    def history(self) -> pd.DataFrame:
        """The table ``history`` of these trials."""
        return self._of_sweep("history")

    @cached_property
    def elements(self) -> pd.DataFrame:
        """The table ``elements`` of these trials."""
        return self._of(self.store.table("elements"), "trial_key")

    def transferred(self, source: TrialRow, target: TrialRow) -> pd.DataFrame:
        """The rows of the table ``transfer`` by FGSM from one of these trials to another, by severity."""
        rows = self._transfer
        met = (rows["source_key"] == source["trial_key"]) & (rows["target_key"] == target["trial_key"])
        found: pd.DataFrame = rows[met & (rows["attack"] == "fgsm")].sort_values("severity")
        return found

    @cached_property
    def _transfer(self) -> pd.DataFrame:
        return self._of(self.store.table("transfer"), "source_key")

    def _of_sweep(self, table: str) -> pd.DataFrame:
        """A table that sweeps fill, as the sweep alone would, where one is named."""
        store, sweep = self.store, self._sweep
        return self._of(store.table(table) if sweep is None else store.table_of_sweep(table, sweep), "trial_key")

    def _of(self, rows: pd.DataFrame, key: str) -> pd.DataFrame:
        return rows[rows[key].isin(self.trials["trial_key"])].reset_index(drop=True)

    def meeting(self, **settings: object) -> pd.DataFrame:
        """All trials with these settings."""
        found = self.trials
        for name, value in settings.items():
            found = found[found[name] == value]
        return found

    def where(self, **settings: object) -> pd.DataFrame:
        """The trials with these settings that one figure can be made of, a seed each; see ``measured_alike``."""
        return measured_alike(self.meeting(**settings))

    def first(self, **settings: object) -> TrialRow | None:
        """The first of the trials with these settings, as ``where`` has them; None where there is none."""
        found = self.where(**settings)
        return found.iloc[0] if len(found) else None

    def trial(self, key: object) -> TrialRow | None:
        """The trial of this key; None where it is none of these."""
        found = self.trials[self.trials["trial_key"] == key]
        return found.iloc[0] if len(found) else None

    def gain(self, trials: pd.DataFrame, figures: Sequence[str], over: str = "baseline") -> Gain | None:
        """The gain of one setting's seeds in the mean of some figures; None where no trial has it in all of them.

        Args:
            trials: of ``where``.
            figures: columns of ``trials``, such as ``robustness_fgsm``.
            over: ``baseline``, as the paper has its gains, or ``control``, which tells what pruning did.
        """
        ending = OVER[over]
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


def measured_alike(trials: pd.DataFrame) -> pd.DataFrame:
    """Of trials of one setting, those that one figure can be made of, sorted by seed, a trial each.

    Of several ratios the one nearest the paper's; then those that were tested and attacked in the same way in one
    setting: of the most seeds, then of the longest training.
    """
    if not len(trials):
        return trials
    distance = (trials["ratio"] - RATIO).abs()
    found = trials[distance == distance.min()]
    setting = found[SETTING_KEY].fillna(found["trial_key"])  # one that is not known is like no other
    alike = [*(found[name] for name in COMPARABLE_WITHIN), setting]
    groups = [group for _, group in found.groupby(alike, dropna=False)]
    chosen = max(groups, key=lambda group: (group["seed"].nunique(), group["epochs_total"].iloc[0]))
    a_seed_each: pd.DataFrame = chosen.sort_values(["seed", "trial_key"]).drop_duplicates("seed")
    return a_seed_each


def _check_one_data_set(trials: pd.DataFrame, asked: str) -> None:
    names = sorted(set(trials["dataset"]))
    if not names:
        raise SelectionError(f"{asked}: no trials; run a sweep on this store first, such as paper/cifar10_short")
    if len(names) > 1:
        raise SelectionError(
            f"the store holds trials of several data sets ({', '.join(names)}); choose one, as in "
            f"--where 'dataset == {names[0]}'"
        )
