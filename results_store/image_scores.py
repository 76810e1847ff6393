"""What became of every test image, behind the figures of the trials table."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.results_store import Store
from prunesweep.results_store.documents import EvaluationResult
from prunesweep.results_store.rows import compared_with, counterpart, latest_by_attack, robustness_attacks
from prunesweep.results_store.schema import GAINS
from prunesweep.sweeps.catalogue import CLEAN

Scores = NDArray[Any]
"""(images,): bool where an image was classified once, else float in [0, 1], its mean over kinds and attacks."""


class ImageScores:
    """The scores of test images of some trials; each evaluation's outcomes are read once."""

    def __init__(self, store: Store, trials: pd.DataFrame, sweep: str | None = None) -> None:
        """Of the trials of a table, as they were last attacked; or of ``table_of_sweep``, as ``sweep`` attacks them.

        Raises:
            NotStored: no sweep of that name has run on the store.
        """
        self._store = store
        self._read: dict[str, Scores] = {}
        keys = trials[["trial_key", "parent_key", "baseline_key", "control_key", "plain_key"]]
        rows: list[dict[Any, Any]] = keys.astype(object).where(keys.notna(), None).to_dict("records")
        self._compared_with = {row["trial_key"]: dict(zip(GAINS, compared_with(row), strict=True)) for row in rows}
        self._evaluations: dict[str, list[EvaluationResult]] = defaultdict(list)
        for evaluation in store.evaluations(trials["trial_key"], sweep):
            self._evaluations[evaluation["trial_key"]].append(evaluation)

    def of(self, trial_key: str, figure: str) -> Scores:
        """The images' scores whose mean is a figure of the trial's row.

        Args:
            figure: ``generalization``, ``robustness`` or ``robustness_ATTACK``; the row must have it.

        Raises:
            StoreError: the outcomes are damaged or gone.
        """
        return self._mean(self._shown(trial_key, figure))

    def pair(self, trial_key: str, other_key: str, figure: str) -> tuple[Scores, Scores]:
        """The scores of a trial and of another on the same images, as views pair them for a gain.

        Args:
            other_key: of a network that was attacked in the same way on the same images.

        Raises:
            StoreError: the outcomes are damaged or gone.
        """
        ours = self._shown(trial_key, figure)
        theirs = [self._counterpart(evaluation, other_key) for evaluation in ours]
        return self._mean(ours), self._mean(theirs)

    def pair_of_gain(self, trial_key: str, figure: str, gain: str) -> tuple[Scores, Scores]:
        """The pair whose means differ by the trial's ``FIGURE_GAIN``, which its row must have.

        Args:
            gain: one of ``prunesweep.results_store.schema.GAINS``: over the baseline, or over the control.

        Raises:
            StoreError: the outcomes are damaged or gone.
        """
        other = self._compared_with[trial_key][gain]
        assert other is not None, "a row has no gain over what it has not"
        return self.pair(trial_key, other, figure)

    def _counterpart(self, evaluation: EvaluationResult, other_key: str) -> EvaluationResult:
        found = counterpart(evaluation, self._evaluations[other_key])
        assert found is not None, "what was not attacked in the same way has no pair"
        return found

    def _shown(self, trial_key: str, figure: str) -> list[EvaluationResult]:
        """The evaluations that a figure is the mean of, as ``prunesweep.results_store.rows`` takes it."""
        shown = latest_by_attack(self._evaluations[trial_key])
        if figure == "generalization":
            return [shown[CLEAN]]
        if figure == "robustness":
            return [shown[attack] for attack in robustness_attacks(shown)]
        return [shown[figure.removeprefix("robustness_")]]

    def _mean(self, evaluations: list[EvaluationResult]) -> Scores:
        scores = [self._scores(evaluation["key"]) for evaluation in evaluations]
        return scores[0] if len(scores) == 1 else np.mean(scores, axis=0)

    def _scores(self, key: str) -> Scores:
        if key not in self._read:
            kinds = np.stack([*self._store.load_outcomes(key).values()])
            self._read[key] = kinds[0] if len(kinds) == 1 else kinds.mean(axis=0)
        return self._read[key]
