"""Accuracies of trials on each test image; their means over the images are the accuracies in the table ``trials``."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.results_store import Store
from prunesweep.results_store.documents import EvaluationResult
from prunesweep.results_store.rows import comparable_evaluation, latest_by_attack, reference_keys, robustness_attacks
from prunesweep.results_store.schema import GAINS
from prunesweep.sweeps.catalogue import CLEAN

PerImageScores = NDArray[Any]
"""Array (images,): bool if each image was classified once, else float in [0, 1], the mean over kinds and attacks."""


class ImageScores:
    """The accuracies of some trials on each test image.

    The stored outcomes of an evaluation (whether each image stayed correctly classified) are read when they are first
    needed, and at most once.
    """

    def __init__(self, store: Store, trials: pd.DataFrame, sweep: str | None = None) -> None:
        """Find the evaluations of the trials.

        ``NotStored`` is raised if ``sweep`` has not run on the store.

        Args:
            store: the store with the evaluations and their outcomes.
            trials: rows of the table ``trials``, or of ``store.table_of_sweep("trials", sweep)`` if ``sweep`` is given.
            sweep: the name of a sweep, to use only the evaluations that this sweep requested. If it is None, the latest
                evaluation by each attack is used.
        """
        self._store = store
        self._scores_by_evaluation: dict[str, PerImageScores] = {}
        keys = trials[["trial_key", "parent_key", "baseline_key", "control_key", "plain_key"]]
        rows: list[dict[Any, Any]] = keys.astype(object).where(keys.notna(), None).to_dict("records")
        self._references = {row["trial_key"]: dict(zip(GAINS, reference_keys(row), strict=True)) for row in rows}
        self._evaluations: dict[str, list[EvaluationResult]] = defaultdict(list)
        for evaluation in store.evaluations(trials["trial_key"], sweep):
            self._evaluations[evaluation["trial_key"]].append(evaluation)

    def trial_scores(self, trial_key: str, accuracy: str) -> PerImageScores:
        """Return the per-image scores whose mean is an accuracy of the trial.

        Damaged or missing outcomes raise ``StoreError``.

        Args:
            trial_key: one of the trials.
            accuracy: one of ``schema.ACCURACIES``: ``generalization``, ``robustness`` or ``robustness_ATTACK``. The
                trial's row must have a value in this column.
        """
        return self._mean_scores(self._averaged_evaluations(trial_key, accuracy))

    def paired_scores(self, trial_key: str, other_key: str, accuracy: str) -> tuple[PerImageScores, PerImageScores]:
        """Return the per-image scores of a trial and of another network under the same attacks on the same images.

        Damaged or missing outcomes raise ``StoreError``.

        Args:
            trial_key: one of the trials.
            other_key: a network that was attacked in the same way on the same images.
            accuracy: as in ``trial_scores``.
        """
        pair = self.comparable_scores(trial_key, other_key, accuracy, self)
        assert pair is not None, "the other network was not attacked in the same way"
        return pair

    def comparable_scores(
        self, trial_key: str, other_key: str, accuracy: str, others: "ImageScores"
    ) -> tuple[PerImageScores, PerImageScores] | None:
        """Return the per-image scores of two networks as ``paired_scores``, or None if they cannot be compared.

        Two networks cannot be compared if the other one was not attacked in the same way on the same images. Damaged or
        missing outcomes raise ``StoreError``.

        Args:
            trial_key: one of the trials.
            other_key: the other network.
            accuracy: as in ``trial_scores``.
            others: the scores to take the other network's from, which may be these.
        """
        own = self._averaged_evaluations(trial_key, accuracy)
        found = [comparable_evaluation(evaluation, others._evaluations[other_key]) for evaluation in own]
        comparable = [evaluation for evaluation in found if evaluation is not None]
        if len(comparable) < len(own):
            return None
        return self._mean_scores(own), others._mean_scores(comparable)

    def paired_scores_of_gain(self, trial_key: str, accuracy: str, gain: str) -> tuple[PerImageScores, PerImageScores]:
        """Return the per-image scores of a trial and of the network over which its gain is taken.

        The difference of the two means, times 100, is the value of the column ``ACCURACY_GAIN``, such as
        ``robustness_gain_over_control``.

        Damaged or missing outcomes raise ``StoreError``.

        Args:
            trial_key: one of the trials; its row must have a value in that column.
            accuracy: as in ``trial_scores``.
            gain: one of ``schema.GAINS``: ``gain`` (over the baseline) or ``gain_over_control``.
        """
        other = self._references[trial_key][gain]
        assert other is not None, "the trial has no network to compare with"
        return self.paired_scores(trial_key, other, accuracy)

    def _averaged_evaluations(self, trial_key: str, accuracy: str) -> list[EvaluationResult]:
        """Return the evaluations whose mean is an accuracy of the trial, as in ``prunesweep.results_store.rows``."""
        evaluations = latest_by_attack(self._evaluations[trial_key])
        if accuracy == "generalization":
            return [evaluations[CLEAN]]
        if accuracy == "robustness":
            return [evaluations[attack] for attack in robustness_attacks(evaluations)]
        return [evaluations[accuracy.removeprefix("robustness_")]]

    def _mean_scores(self, evaluations: list[EvaluationResult]) -> PerImageScores:
        scores = [self._load_scores(evaluation["key"]) for evaluation in evaluations]
        return scores[0] if len(scores) == 1 else np.mean(scores, axis=0)

    def _load_scores(self, evaluation_key: str) -> PerImageScores:
        """Return one evaluation's score for each image; an attack of several kinds is averaged over its kinds."""
        if evaluation_key not in self._scores_by_evaluation:
            outcomes = np.stack([*self._store.load_outcomes(evaluation_key).values()])
            scores = outcomes[0] if len(outcomes) == 1 else outcomes.mean(axis=0)
            self._scores_by_evaluation[evaluation_key] = scores
        return self._scores_by_evaluation[evaluation_key]
