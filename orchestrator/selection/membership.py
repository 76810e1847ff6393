"""The bootstrap probability that a candidate is on the Pareto front."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.orchestrator.query.columns import ON_FRONT, is_accuracy
from prunesweep.orchestrator.selection.dominance import non_dominated
from prunesweep.orchestrator.selection.front import Front
from prunesweep.orchestrator.selection.objectives import Objective
from prunesweep.orchestrator.statistics import resampled_means
from prunesweep.results_store.halves import selection_half
from prunesweep.results_store.image_scores import ImageScores, PerImageScores
from prunesweep.results_store.schema import GAINS

# With so many resamples, the standard error of a probability is about one hundredth at most.
MEMBERSHIP_RESAMPLES = 2_000
_DIGITS = 9  # further digits are rounding errors, which would break ties between equal candidates


def with_membership(
    front: Front, scores: ImageScores, *, resamples: int = MEMBERSHIP_RESAMPLES, seed: int = 0
) -> Front:
    """Return the front with a column ``on_front`` in ``table`` and in ``compared``, a probability in [0, 1].

    The probability is the share of bootstrap resamples in which no other candidate dominates the candidate. The images
    of the selection half (those that networks are selected on) are drawn with replacement. All candidates, kinds of
    corruption and attacks have the same draws. The trials of a candidate, one per seed, are averaged as in the
    selection. Costs are the same in all resamples. Constraints are not applied again, so every resample has all
    candidates of ``front``.

    Outcomes that are damaged or missing raise ``StoreError``.

    Args:
        front: the front to extend.
        scores: the scores on each image of all trials that the front was selected from, and of the baselines and
            controls that their gains refer to.
        resamples: the number of bootstrap resamples.
        seed: the seed of the draws.
    """
    losses = _resampled_losses(front, scores, resamples, seed).round(_DIGITS)
    on_front = pd.Series(np.mean([non_dominated(resample) for resample in losses], axis=0), index=front.compared.index)
    by_first_key = {keys[0]: share for keys, share in zip(front.compared["trial_keys"], on_front, strict=True)}
    return replace(
        front,
        table=front.table.assign(**{ON_FRONT: [by_first_key[keys[0]] for keys in front.table["trial_keys"]]}),
        compared=front.compared.assign(**{ON_FRONT: on_front}),
    )


def _resampled_losses(front: Front, scores: ImageScores, resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the losses of every resample, (resamples, candidates, objectives), lower is better."""
    losses = np.stack([objective.losses(front.compared) for objective in front.objectives], axis=1)
    resampled = np.repeat(losses[np.newaxis], resamples, axis=0)
    measured = [index for index, objective in enumerate(front.objectives) if is_accuracy(objective.name)]
    if measured:
        columns = _image_losses(front, [front.objectives[index] for index in measured], scores)
        means = resampled_means(columns, resamples=resamples, seed=seed)
        resampled[:, :, measured] = means.reshape(resamples, len(front.compared), len(measured))
    return resampled


def _image_losses(front: Front, objectives: list[Objective], scores: ImageScores) -> NDArray[np.float64]:
    """Return the candidates' losses on each image of the selection half, (images, candidates × objectives)."""
    columns = [
        -np.mean([_objective_scores(key, objective.name, scores) for key in keys], axis=0)
        for keys in front.compared["trial_keys"]
        for objective in objectives
    ]
    return np.stack(columns, axis=1)


def _objective_scores(key: str, objective: str, scores: ImageScores) -> PerImageScores:
    """Return a trial's scores on the images of the selection half.

    Args:
        key: the trial's key.
        objective: the name of an accuracy or of a gain.
        scores: the scores of all trials on each image.

    Returns:
        The scores, (images,). For an accuracy they are in [0, 1] or bool; for a gain, they are the differences from the
        baseline or control in percentage points.
    """
    gain = next((gain for gain in GAINS if objective.endswith(f"_{gain}")), None)
    if gain is None:
        score = scores.trial_scores(key, objective)
    else:
        ours, theirs = scores.paired_scores_of_gain(key, objective.removesuffix(f"_{gain}"), gain)
        score = 100 * (ours.astype(np.float64) - theirs)
    chosen: PerImageScores = score[selection_half(len(score))]
    return chosen
