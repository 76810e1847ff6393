"""Paired comparisons of trials, settings or sweeps that a user names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.comparison.axis_effects import OVER_BASELINES
from prunesweep.orchestrator.comparison.groups import GroupFinder, TrialGroup
from prunesweep.orchestrator.comparison.image_statistics import image_statistics
from prunesweep.orchestrator.comparison.pairing import Pairing, pair_trials
from prunesweep.orchestrator.comparison.request import IMAGE_SETS, check_name, parse_figures, select_images
from prunesweep.orchestrator.query.candidates import check_comparable
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.statistics import estimate, holm
from prunesweep.orchestrator.statistics.paired import ScorePair
from prunesweep.orchestrator.statistics.resampling import RESAMPLES
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.sweeps.words import counted, listed

OVER_SEEDS = "seeds"

GROUP_COLUMNS = (
    "reference",
    "group",
    "networks",
    "figure",
    "pairs",
    "baselines",
    "reference_accuracy",
    "accuracy",
    "mean",
    "low",
    "high",
    "interval",
    "images",
    "images_low",
    "images_high",
    "test",
    "p",
    "p_holm",
    "smallest_gain",
    "ahead",
    "reference_flops",
    "flops",
    "reference_parameters",
    "parameters",
    "reference_keys",
    "trial_keys",
)
"""The columns of a comparison of groups; ``compare_groups`` explains them."""


@dataclass(frozen=True)
class ComparedGroup:
    """A group that was compared with the reference.

    Attributes:
        group: its trials.
        pairing: the pairs of trials, in which they differ, and how many trials have no pair.
        left_out: sentences on what was left out and why.
    """

    group: TrialGroup
    pairing: Pairing
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class GroupComparison:
    """A comparison of groups of trials with the first of them.

    Attributes:
        table: one row per group, kind of networks and figure; ``compare_groups`` explains its columns.
        reference: the first group.
        others: the other groups, in the order in which they were named.
        images: the test images: ``all``, ``selection`` or ``report``.
    """

    table: pd.DataFrame
    reference: TrialGroup
    others: tuple[ComparedGroup, ...]
    images: str


def compare_groups(
    store: StoreLike = DEFAULT_STORE,
    *,
    groups: Sequence[str],
    figures: Sequence[str] = (),
    images: str = "all",
    where: Sequence[str] = (),
    sweep: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> GroupComparison:
    """Compare groups of trials with the first of them, pair by pair and image by image.

    A group is a trial, a setting (all its seeds), the trials that meet a condition, or a sweep. Two trials are one
    pair. Two settings are paired by seed. In other groups, trials are paired that are equal in the seed and in every
    setting but those in which the two groups have no value in common; ``pair_trials`` explains this. Trials that are in
    both groups are not compared.

    A missing store, an unknown group and a group without a pair raise ``UserError``, with a message of one line.

    Args:
        store: a folder, an fsspec URL or an open store.
        groups: at least two, each the name of a sweep, a key of a trial or of a setting or a beginning of it, or a
            condition such as ``"criterion == l1 and ratio == 0.1"``. The first is the reference.
        figures: the accuracies to compare; all that both networks of a pair have if none is given.
        images: the test images: ``all``, or the half ``selection`` or ``report``.
        where: conditions that the trials of all groups must meet, too.
        sweep: the name of a sweep to which keys and conditions are restricted.
        resamples: the number of bootstrap resamples.
        seed: the seed of the bootstrap.

    Returns:
        The comparison. The rows of ``table`` are in the order of the groups, then baselines, controls and pruned
        networks, then the figures. Columns:

        - ``reference`` and ``group``, as given; ``networks``: ``baseline``, ``control`` or ``pruned``, or two of them
          if the networks of a pair differ in this; ``figure``;
        - ``pairs`` and ``baselines``: the numbers of these; if the networks of a pair have different baselines, two
          count as one;
        - ``reference_accuracy`` and ``accuracy`` of the group, in [0, 1]; ``mean``: their difference, group minus
          reference, in percentage points, in which each baseline counts equally;
        - ``low`` and ``high``: 95 % t interval of the mean; ``interval``: what it is over, ``seeds`` for two settings,
          else ``baselines``; NaN if there is only one of these;
        - ``images``, ``images_low``, ``images_high``, ``test``, ``p``, ``p_holm`` (over all rows) and
          ``smallest_gain``, as for ``compare_settings``;
        - ``ahead``: the number of pairs in which the group is better;
        - ``reference_flops``, ``flops``, ``reference_parameters`` and ``parameters``: the means over the pairs;
        - ``reference_keys`` and ``trial_keys``: lists of the same length, one entry per pair.

    Raises:
        SelectionError: there are fewer than two groups, ``images`` or a figure is wrong, or nothing can be compared.

    Example:
        >>> from prunesweep import compare_groups
        >>> groups = ["structure == none and iterations == 1", "structure == filters"]
        >>> compared = compare_groups("store", groups=groups, figures=["robustness"])
        >>> compared.table[["mean", "images_low", "images_high", "pairs"]].round(1).to_dict("records")
        [{'mean': -15.0, 'images_low': -18.1, 'images_high': -11.8, 'pairs': 1}]
    """
    check_name(images, "a set of test images", IMAGE_SETS)
    if len(groups) < 2:
        raise SelectionError(
            f"{groups[0] if groups else 'no group'}: name at least two trials, settings, conditions or sweeps to "
            "compare with each other"
        )
    chosen = parse_figures(figures)
    finder = GroupFinder(existing_store(store), sweep, where)
    reference, *others = map(finder.find, groups)
    request = _Request(chosen, images, resamples, seed)
    compared = [_compare_group(reference, other, request) for other in others]
    table = pd.DataFrame([row for rows, _ in compared for row in rows])
    table["p_holm"] = holm(table["p"].to_numpy())
    return GroupComparison(table[[*GROUP_COLUMNS]], reference, tuple(group for _, group in compared), images)


@dataclass(frozen=True)
class _Request:
    """The figures and the test images that are compared, and how images are resampled."""

    figures: tuple[str, ...]
    images: str
    resamples: int
    seed: int


def _compare_group(
    reference: TrialGroup, other: TrialGroup, request: _Request
) -> tuple[list[dict[str, Any]], ComparedGroup]:
    """Return the rows of a table for one group, and the group with what was left out of its comparison.

    If the pairs were not all tested in the same way and cannot be averaged, ``SelectionError`` is raised, too.

    Raises:
        SelectionError: of no pair, both networks were tested and attacked in the same way.
    """
    pairing = pair_trials(reference, other)
    check_comparable(other.trials[other.trials["trial_key"].isin(pairing.pairs["trial_key"])], request.figures)
    rows: list[dict[str, Any]] = []
    in_other_ways: list[str] = []
    for networks, pairs in pairing.by_networks():
        for figure in request.figures:
            scores, incomparable = _paired_scores(reference, other, pairs, figure, request.images)
            if incomparable:
                in_other_ways.append(f"{figure}: {counted(incomparable, 'pair')} left out, attacked in different ways.")
            if scores:
                rows.append(
                    {"reference": reference.text, "group": other.text, "networks": networks, "figure": figure}
                    | _pair_statistics(scores, pairs, pairing, request)
                    | _costs(reference, other, pairs.loc[[*scores]])
                )
    if not rows:
        raise SelectionError(
            f"{reference.text} and {other.text}: no pair of trials has {listed(request.figures, last='or')} under the "
            "same attacks on the same images"
        )
    return rows, ComparedGroup(other, pairing, tuple(_left_out(reference, other, pairing) + in_other_ways))


def _paired_scores(
    reference: TrialGroup, other: TrialGroup, pairs: pd.DataFrame, figure: str, images: str
) -> tuple[dict[int, ScorePair], int]:
    """Return the image scores of the pairs that can be compared in a figure, and the number of those that cannot.

    A pair of which one trial lacks the figure is in neither.

    Returns:
        ``(scores, incomparable)``: the scores of the group and of the reference, by the index of the pair.
    """
    theirs, ours = (group.trials.set_index("trial_key") for group in (reference, other))
    scores: dict[int, ScorePair] = {}
    incomparable = 0
    for index, reference_key, key in pairs[["reference_key", "trial_key"]].itertuples():
        their_row, our_row = theirs.loc[reference_key], ours.loc[key]
        if pd.isna(their_row[figure]) or pd.isna(our_row[figure]):
            continue
        same = figure != "robustness" or their_row["robustness_definition"] == our_row["robustness_definition"]
        pair = other.scores.comparable_scores(key, reference_key, figure, reference.scores) if same else None
        if pair is None:
            incomparable += 1
        else:
            scores[index] = select_images(images, pair)
    return scores, incomparable


def _pair_statistics(
    scores: Mapping[int, ScorePair], pairs: pd.DataFrame, pairing: Pairing, request: _Request
) -> dict[str, Any]:
    """Return the columns of a row that are computed from the image scores of its pairs.

    Args:
        scores: the scores by the index of the pair.
        pairs: the pairs, with these indices.
        pairing: the pairing that they are from.
        request: what is compared, and how.
    """
    chosen = pairs.loc[[*scores]]
    independent = chosen["trial_key"] if pairing.by_seed else chosen["baselines"]
    weights = 1 / independent.groupby(independent).transform("size") / independent.nunique()
    accuracies = 100 * np.array([[ours.mean(), theirs.mean()] for ours, theirs in scores.values()])
    differences = pd.Series(accuracies[:, 0] - accuracies[:, 1], index=chosen.index)
    over_independent = estimate(differences.groupby(independent).mean().tolist())
    ours, theirs = weights.to_numpy() @ accuracies / 100
    return {
        "pairs": len(chosen),
        "baselines": chosen["baselines"].nunique(),
        "reference_accuracy": theirs,
        "accuracy": ours,
        "mean": over_independent.mean,
        "low": over_independent.low,
        "high": over_independent.high,
        "interval": OVER_SEEDS if pairing.by_seed else OVER_BASELINES,
        "ahead": int((differences > 0).sum()),
        "reference_keys": chosen["reference_key"].tolist(),
        "trial_keys": chosen["trial_key"].tolist(),
        **image_statistics([*scores.values()], request.resamples, request.seed, weights.tolist()),
    }


def _costs(reference: TrialGroup, other: TrialGroup, pairs: pd.DataFrame) -> dict[str, float]:
    """Return the mean FLOPs and parameters of the networks of some pairs."""
    theirs, ours = (group.trials.set_index("trial_key") for group in (reference, other))
    return {
        f"{prefix}{name}": float(trials.loc[pairs[key], name].mean())
        for prefix, trials, key in (("reference_", theirs, "reference_key"), ("", ours, "trial_key"))
        for name in ("flops", "parameters")
    }


def _left_out(reference: TrialGroup, other: TrialGroup, pairing: Pairing) -> list[str]:
    """Return sentences on the trials without a pair."""
    sentences = [f"{counted(pairing.in_both, 'trial')} left out: in both groups."] if pairing.in_both else []
    for group, opposite, count in zip((reference, other), (other, reference), pairing.unpaired, strict=True):
        if count:
            sentences.append(f"{counted(count, 'trial')} of {group.text} left out: no pair in {opposite.text}.")
    return sentences
