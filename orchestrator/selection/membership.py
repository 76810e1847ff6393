"""How sure it is that a candidate is Pareto-optimal."""

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
from prunesweep.results_store.image_scores import ImageScores, Scores
from prunesweep.results_store.schema import GAINS

# A probability is then known to about one hundredth.
MEMBERSHIP_RESAMPLES = 2_000
_DIGITS = 9  # beyond them is rounding: candidates that agree stand or fall together


def with_membership(
    front: Front, scores: ImageScores, *, resamples: int = MEMBERSHIP_RESAMPLES, seed: int = 0
) -> Front:
    """The front with a column ``on_front`` in ``table`` and in ``compared``, a probability in [0, 1].

    It is the share of bootstrap resamples in which no candidate beats this one in every objective. The images of
    the selection half are drawn with replacement, the same ones for all candidates, kinds and attacks; what seeds
    share a setting is averaged as in choosing. Costs are what they are. The candidates are those of ``front``:
    a constraint is not held against each resample anew.

    Args:
        scores: of the whole table that the front was chosen from.
        resamples: how many sets of images are drawn.
        seed: of the draws.

    Raises:
        StoreError: outcomes are damaged or gone.
    """
    losses = _resampled_losses(front, scores, resamples, seed).round(_DIGITS)
    on_front = pd.Series(np.mean([non_dominated(drawn) for drawn in losses], axis=0), index=front.compared.index)
    of_trial = {keys[0]: share for keys, share in zip(front.compared["trial_keys"], on_front, strict=True)}
    return replace(
        front,
        table=front.table.assign(**{ON_FRONT: [of_trial[keys[0]] for keys in front.table["trial_keys"]]}),
        compared=front.compared.assign(**{ON_FRONT: on_front}),
    )


def _resampled_losses(front: Front, scores: ImageScores, resamples: int, seed: int) -> NDArray[np.float64]:
    """(resamples, candidates, objectives), lower is better."""
    losses = np.stack([objective.losses(front.compared) for objective in front.objectives], axis=1)
    drawn = np.repeat(losses[np.newaxis], resamples, axis=0)
    measured = [place for place, objective in enumerate(front.objectives) if is_accuracy(objective.name)]
    if measured:
        columns = _image_losses(front, [front.objectives[place] for place in measured], scores)
        means = resampled_means(columns, resamples=resamples, seed=seed)
        drawn[:, :, measured] = means.reshape(resamples, len(front.compared), len(measured))
    return drawn


def _image_losses(front: Front, objectives: list[Objective], scores: ImageScores) -> NDArray[np.float64]:
    """(images of the selection half, candidates × objectives): what each image adds to each candidate's losses."""
    columns = [
        -np.mean([_score(key, objective.name, scores) for key in keys], axis=0)
        for keys in front.compared["trial_keys"]
        for objective in objectives
    ]
    return np.stack(columns, axis=1)


def _score(key: str, objective: str, scores: ImageScores) -> Scores:
    """A trial's images of the selection half: their scores, or how many percentage points they exceed another's."""
    gain = next((gain for gain in GAINS if objective.endswith(f"_{gain}")), None)
    if gain is None:
        score = scores.of(key, objective)
    else:
        ours, theirs = scores.pair_of_gain(key, objective.removesuffix(f"_{gain}"), gain)
        score = 100 * (ours.astype(np.float64) - theirs)
    chosen: Scores = score[selection_half(len(score))]
    return chosen
