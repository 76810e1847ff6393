"""The gains of every setting over its baseline or its control, with intervals and p-values."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.comparison.image_statistics import image_statistics
from prunesweep.orchestrator.comparison.request import (
    GAIN_BY_REFERENCE,
    IMAGE_SETS,
    check_name,
    parse_figures,
    select_images,
)
from prunesweep.orchestrator.query.candidates import as_candidates, eligible_trials
from prunesweep.orchestrator.query.columns import AXIS_COLUMNS, EPOCHS, REMOVAL_COUNTS, SETTING_DETAILS, SETTING_KEY
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.statistics import estimate, holm
from prunesweep.orchestrator.statistics.resampling import RESAMPLES
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.results_store.image_scores import ImageScores
from prunesweep.sweeps.words import counted, listed

COMPARISON_COLUMNS = (
    "figure",
    "over",
    "seeds",
    "baselines",
    "mean",
    "sd",
    "seeds_low",
    "seeds_high",
    "images",
    "images_low",
    "images_high",
    "test",
    "p",
    "p_holm",
    "comparisons",
    "smallest_gain",
    "trial_keys",
)
"""The columns of a comparison between the axes and ``DISTINGUISHING_COLUMNS``; ``compare_settings`` explains them."""

DISTINGUISHING_COLUMNS = (SETTING_KEY, *SETTING_DETAILS, EPOCHS, *REMOVAL_COUNTS)
"""The last columns of a comparison: other settings and removal counts, which distinguish rows of the same axes."""

IS_ASCENDING = {
    "mean": False,
    "images_low": False,
    "seeds_low": False,
    "sd": True,
    "p": True,
    "p_holm": True,
    "smallest_gain": True,
}
"""The columns by which settings can be sorted -> whether the smallest value comes first."""


def compare_settings(
    store: StoreLike = DEFAULT_STORE,
    *,
    sweep: str | None = None,
    where: Sequence[str] = (),
    over: str = "baseline",
    images: str = "all",
    figures: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the gains of every setting in generalization, robustness and each attack, with intervals and p-values.

    A setting is everything in a trial's key but the seed. There are two intervals, because there are two questions.
    ``seeds_low`` to ``seeds_high`` (t interval over the seeds' gains) is about other seeds. Trials that share a
    baseline do not show how baselines vary, so ``baselines`` gives their number. ``images_low`` to ``images_high``
    (bootstrap over images, which resamples all seeds together) is about these networks on other images.

    A missing store and an unknown sweep raise ``UserError``, with a message of one line.

    Args:
        store: a folder, an fsspec URL or an open store.
        sweep: the name of a sweep that ran on the store. Only its trials take part, with the results of its own
            attacks and test images.
        where: conditions on settings and the seed, such as ``"architecture == resnet20"``; all must be met.
        over: ``baseline``, as the paper compares, or ``control``, which shows the effect of pruning without that of
            longer training.
        images: the test images to compare on: ``all``, as in the paper, or one half of them. If networks were selected
            on the half ``selection``, they are compared without bias on the half ``report``.
        figures: the accuracies to compare; all if none is given.
        sort: what settings are sorted by: a figure, for the greatest mean gain in it first, or a column of
            ``IS_ASCENDING`` in the row of the robustness, or of the first figure if that is not compared. None for the
            axes.
        top: how many settings are returned, the first in this order; None for all.
        resamples: the number of bootstrap resamples.
        seed: the seed of the bootstrap.

    Returns:
        One row per setting and figure (generalization, robustness or the accuracy under one attack), if there is a
        gain. Settings are sorted, and figures are in the order of the table ``trials``. Columns:

        - the axes; ``figure``; ``over``, as given;
        - ``seeds``, ``baselines`` and ``images``: the numbers of these;
        - ``mean`` and ``sd`` of the seeds' gains, ``seeds_low``, ``seeds_high``, ``images_low`` and ``images_high``,
          in percentage points;
        - ``test`` and its two-sided ``p``: ``mcnemar`` (exact) for one pair of networks that classified each image
          once, otherwise ``bootstrap`` (clustered by image); ``p_holm``: p adjusted over all ``comparisons``, those of
          all settings, even if only the first are returned;
        - ``smallest_gain``: the gain that this number of images would show with a probability of 0.8, in percentage
          points;
        - ``trial_keys``: a list, sorted by seed;
        - ``DISTINGUISHING_COLUMNS``.

        A number is NaN if it is undefined: ``sd`` and the interval over seeds for a single seed, and all results if
        the seeds were not tested on the same images or not attacked in the same way.

    Raises:
        SelectionError: ``over``, ``images``, a figure, ``sort``, ``top`` or a condition is wrong, or there is nothing
            to compare.

    Example:
        >>> from prunesweep import compare_settings
        >>> gains = compare_settings("store", over="control").set_index("figure")
        >>> gains.loc["robustness", ["mean", "images_low", "images_high"]].astype(float).round(1).to_dict()
        {'mean': -15.0, 'images_low': -18.1, 'images_high': -11.8}
    """
    gain = GAIN_BY_REFERENCE[check_name(over, "a reference for gains", GAIN_BY_REFERENCE)]
    suffix = IMAGE_SETS[check_name(images, "a set of test images", IMAGE_SETS)]
    chosen = parse_figures(figures)
    sorted_by = None if sort is None else _parse_sort(sort, chosen)
    if top is not None and top < 1:
        raise SelectionError(f"top {top}: the number of settings to show is at least 1")
    opened = existing_store(store)
    trials = trials_of(opened, sweep)
    filters = parse_filters(where, trials)
    scores = ImageScores(opened, trials, sweep)

    rows: list[dict[str, Any]] = []
    for figure_index, figure in enumerate(chosen):
        column = f"{figure}_{gain}{suffix}"
        eligible, _ = eligible_trials(trials, filters, [column])
        for setting in _average_settings(eligible, column):
            keys = setting["trial_keys"]
            setting_trials = eligible.set_index("trial_key").loc[keys]
            is_comparable = not math.isnan(setting[column])
            pairs = (
                [select_images(images, scores.paired_scores_of_gain(key, figure, gain)) for key in keys]
                if is_comparable
                else []
            )
            rows.append(
                {name: setting[name] for name in (*AXIS_COLUMNS, *DISTINGUISHING_COLUMNS)}
                | {"figure": figure, "over": over, "figure_index": figure_index, "trial_keys": keys}
                | {"seeds": len(keys), "baselines": setting_trials["baseline_key"].nunique()}
                | _seed_statistics(setting_trials[column].tolist() if is_comparable else [math.nan])
                | image_statistics(pairs, resamples, seed)
            )
    if not rows:
        raise SelectionError(_nothing_to_compare(len(trials), where, over))
    table = _as_table(rows)
    return table if sorted_by is None and top is None else _first_settings(table, sorted_by, top)


def _parse_sort(sort: str, figures: Sequence[str]) -> tuple[str, str | None]:
    """Return the column and the figure in whose rows settings are sorted; no figure for the first that there is.

    A text that is neither a column nor a figure that is compared raises ``SelectionError``.

    Args:
        sort: a column, or a figure, as the user wrote it.
        figures: the figures that are compared.
    """
    if sort in IS_ASCENDING:
        return sort, "robustness" if "robustness" in figures else None
    names = {name.removeprefix("robustness_"): name for name in figures} | {name: name for name in figures}
    return "mean", names[check_name(sort, "a column or a figure to sort by", [*names, *IS_ASCENDING])]


def _average_settings(eligible: pd.DataFrame, column: str) -> list[dict[Any, Any]]:
    """Return one record per setting of the trials, with the mean of a column over the seeds.

    The mean is null if the seeds were not measured in the same way.
    """
    return as_candidates(eligible, [column], average_seeds=True).to_dict("records") if len(eligible) else []


def _seed_statistics(gains: list[float]) -> dict[str, float]:
    mean = estimate(gains)
    return {"mean": mean.mean, "sd": mean.sd, "seeds_low": mean.low, "seeds_high": mean.high}


def _as_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows sorted by setting and figure, with p-values adjusted over all rows by Holm's method."""
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p"].to_numpy())
    table["comparisons"] = int(table["p"].notna().sum())
    first_key = table["trial_keys"].str[0]
    ordered = table.assign(first_key=first_key).sort_values(
        [*AXIS_COLUMNS, "first_key", "figure_index"], ignore_index=True
    )
    return ordered[[*AXIS_COLUMNS, *COMPARISON_COLUMNS, *DISTINGUISHING_COLUMNS]]


def _first_settings(table: pd.DataFrame, sorted_by: tuple[str, str | None] | None, top: int | None) -> pd.DataFrame:
    """Return the rows of the first settings, after sorting the settings.

    Args:
        table: all rows, those of a setting together.
        sorted_by: the column and the figure by whose row settings are sorted, as ``_parse_sort`` returns them; None to
            leave the order as it is. Settings without this figure, or without a number in the column, come last.
        top: the number of settings; None for all.
    """
    setting = table[SETTING_KEY].fillna(table["trial_keys"].str[0])
    order = pd.Series(setting.unique())
    if sorted_by is not None:
        column, figure = sorted_by
        in_figure = table["figure"] == (table["figure"].iloc[0] if figure is None else figure)
        values = table[in_figure].set_index(setting[in_figure])[column].reindex(order)
        order = pd.Series(values.sort_values(ascending=IS_ASCENDING[column], kind="stable", na_position="last").index)
    rank = setting.map(dict(zip(order, range(len(order)), strict=True)))
    chosen = rank[rank < top] if top is not None else rank
    return table.loc[chosen.sort_values(kind="stable").index].reset_index(drop=True)


def _nothing_to_compare(trials: int, where: Sequence[str], over: str) -> str:
    """Return the message that no trial both meets the conditions and has a gain."""
    conditions = f"meets {listed(where)} and " if where else ""
    return (
        f"nothing to compare: of {counted(trials, 'trial')}, none {conditions}was tested in the same way as its {over}"
    )
