"""The stored results that the paper's tables and figures need: rows of the store's tables, and gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from prunesweep.orchestrator.comparison.request import GAIN_BY_REFERENCE
from prunesweep.orchestrator.query.candidates import eligible_trials, setting_group_keys
from prunesweep.orchestrator.query.columns import COMPARABLE_WITHIN
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.statistics import estimate, paired_difference
from prunesweep.results_store import Store
from prunesweep.results_store.image_scores import ImageScores

RATIO = 0.1
"""The share of the structures that the paper removes in an iteration."""

TrialRow: TypeAlias = "pd.Series[Any]"
"""A row of the table ``trials``."""


@dataclass(frozen=True)
class Gain:
    """The gain of the trials of one setting, which differ only in the seed, over their baselines or controls.

    All gains are in percentage points, and both intervals are 95 % intervals. The interval over test images is about
    these networks on other images; it is a bootstrap that draws each image for all seeds together. The t interval over
    seeds is about other seeds of the same baselines.

    Attributes:
        mean: the mean gain over the seeds.
        low: the lower bound over test images.
        high: the upper bound over test images.
        sd: the standard deviation over seeds; NaN for one seed.
        seeds_low: the lower bound over seeds; NaN for one seed.
        seeds_high: the upper bound over seeds; NaN for one seed.
        seeds: the number of trials, one per seed.
        baselines: the number of different baselines of these trials.
        images: the number of test images.
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
        """Return whether all intervals lie on the same side of 0; one seed has only the interval over images."""
        bounds = (
            [(self.low, self.high)] if self.seeds == 1 else [(self.low, self.high), (self.seeds_low, self.seeds_high)]
        )
        return all(low > 0 for low, _ in bounds) or all(high < 0 for _, high in bounds)


class Experiments:
    """The trials of a store, or of one of its sweeps, that satisfy some conditions, with their results."""

    def __init__(self, store: Store, *, sweep: str | None = None, where: Sequence[str] = ()):
        """Read the trials.

        An invalid store, sweep name or condition raises ``UserError``. So do conditions that no trial satisfies, or
        that trials of several data sets satisfy.

        Args:
            store: the store that holds the trials.
            sweep: the name of a sweep to which the trials are limited; None means the trials of all sweeps.
            where: conditions on settings and the seed, such as ``"dataset == cifar10"``; all must hold.
        """
        self.store = store
        self._sweep = sweep
        all_trials = trials_of(store, sweep)
        self.trials = eligible_trials(all_trials, parse_filters(where, all_trials), ())[0].reset_index(drop=True)
        self._scores = ImageScores(store, all_trials, sweep)
        _check_one_data_set(self.trials, f"{store.url}{''.join(f', {condition}' for condition in where)}")

    @cached_property
    def attacks(self) -> pd.DataFrame:
        """The rows of the table ``attacks`` for these trials."""
        return self._sweep_table("attacks")

    @cached_property
    def history(self) -> pd.DataFrame:
        """The rows of the table ``history`` for these trials."""
        return self._sweep_table("history")

    @cached_property
    def elements(self) -> pd.DataFrame:
        """The rows of the table ``elements`` for these trials."""
        return self._rows_of_trials(self.store.table("elements"), "trial_key")

    def transferred(self, source: TrialRow, target: TrialRow) -> pd.DataFrame:
        """Return the rows of the table ``transfer`` for FGSM from ``source`` to ``target``, sorted by severity."""
        rows = self._transfer
        matches = (rows["source_key"] == source["trial_key"]) & (rows["target_key"] == target["trial_key"])
        transfers: pd.DataFrame = rows[matches & (rows["attack"] == "fgsm")].sort_values("severity")
        return transfers

    @cached_property
    def _transfer(self) -> pd.DataFrame:
        """The rows of the table ``transfer`` whose source is one of these trials."""
        return self._rows_of_trials(self.store.table("transfer"), "source_key")

    def _sweep_table(self, table: str) -> pd.DataFrame:
        """Return the rows of a table for these trials; if a sweep was named, only with results of that sweep."""
        store, sweep = self.store, self._sweep
        return self._rows_of_trials(
            store.table(table) if sweep is None else store.table_of_sweep(table, sweep), "trial_key"
        )

    def _rows_of_trials(self, rows: pd.DataFrame, key: str) -> pd.DataFrame:
        """Return the rows whose column ``key`` is the key of one of these trials."""
        return rows[rows[key].isin(self.trials["trial_key"])].reset_index(drop=True)

    def matching(self, **settings: object) -> pd.DataFrame:
        """Return all trials that have the given values in the given columns of the table ``trials``."""
        trials = self.trials
        for name, value in settings.items():
            trials = trials[trials[name] == value]
        return trials

    def comparable(self, **settings: object) -> pd.DataFrame:
        """Return trials with these settings that can be averaged, one per seed; see ``select_comparable``."""
        return select_comparable(self.matching(**settings))

    def first(self, **settings: object) -> TrialRow | None:
        """Return the trial with the lowest seed among those that ``comparable`` returns; None if there is none."""
        trials = self.comparable(**settings)
        return trials.iloc[0] if len(trials) else None

    def trial(self, key: object) -> TrialRow | None:
        """Return the trial with this key; None if it is not one of these trials."""
        trials = self.trials[self.trials["trial_key"] == key]
        return trials.iloc[0] if len(trials) else None

    def gain(self, trials: pd.DataFrame, accuracies: Sequence[str], over: str = "baseline") -> Gain | None:
        """Return the gain of some trials in the mean of some accuracies.

        Trials that lack the gain in one of the accuracies are left out; if none is left, the result is None.

        Args:
            trials: trials of one setting, as ``comparable`` returns them.
            accuracies: columns of ``trials``, such as ``robustness_fgsm``.
            over: ``baseline``, as in the paper, or ``control``, which shows the effect of pruning alone.
        """
        gain = GAIN_BY_REFERENCE[over]
        columns = [f"{accuracy}_{gain}" for accuracy in accuracies]
        trials = trials[trials[columns].notna().all(axis=1)]
        if not len(trials):
            return None
        pairs = [self._score_pair(key, accuracies, gain) for key in trials["trial_key"]]
        seeds = estimate(trials[columns].mean(axis=1).tolist())
        difference = paired_difference(pairs)
        return Gain(
            mean=seeds.mean,
            low=difference.low,
            high=difference.high,
            sd=seeds.sd,
            seeds_low=seeds.low,
            seeds_high=seeds.high,
            seeds=len(trials),
            baselines=trials["baseline_key"].nunique(),
            images=difference.images,
        )

    def _score_pair(self, key: str, accuracies: Sequence[str], gain: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the image scores of a trial and of its baseline or control, each as the mean of some accuracies.

        Args:
            key: the key of the trial.
            accuracies: columns of ``trials``.
            gain: the suffix of the gain's columns, which selects the baseline or the control.
        """
        pairs = [self._scores.paired_scores_of_gain(key, accuracy, gain) for accuracy in accuracies]
        if len(pairs) == 1:
            return pairs[0]
        ours, theirs = zip(*pairs, strict=True)
        return np.mean(ours, axis=0), np.mean(theirs, axis=0)


def select_comparable(trials: pd.DataFrame) -> pd.DataFrame:
    """Select trials that can be averaged, one per seed, sorted by seed.

    First, only the trials whose ratio is nearest to the paper's are kept. They are grouped by setting (all that is in a
    trial's key but the seed) and by the way in which they were tested and attacked. The group with the most seeds is
    selected; if several have equally many, the one of these with the longest training.
    """
    if not len(trials):
        return trials
    distance = (trials["ratio"] - RATIO).abs()
    nearest = trials[distance == distance.min()]
    setting = setting_group_keys(nearest)
    keys = [*(nearest[name] for name in COMPARABLE_WITHIN), setting]
    groups = [group for _, group in nearest.groupby(keys, dropna=False)]
    chosen = max(groups, key=lambda group: (group["seed"].nunique(), group["epochs_total"].iloc[0]))
    one_per_seed: pd.DataFrame = chosen.sort_values(["seed", "trial_key"]).drop_duplicates("seed")
    return one_per_seed


def _check_one_data_set(trials: pd.DataFrame, query: str) -> None:
    """Check that there are trials, and that all are of one data set.

    Args:
        trials: the trials.
        query: the store and the conditions that gave these trials, for messages.

    Raises:
        SelectionError: there are no trials, or trials of several data sets.
    """
    names = sorted(set(trials["dataset"]))
    if not names:
        raise SelectionError(f"{query}: no trials; run a sweep on this store first, such as paper/cifar10_short")
    if len(names) > 1:
        raise SelectionError(
            f"the store holds trials of several data sets ({', '.join(names)}); choose one, as in "
            f"--where 'dataset == {names[0]}'"
        )
