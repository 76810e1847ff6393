"""Main effects: the mean gain of each value of an axis, over trials that are equal in everything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.comparison.axis_effects import AxisEffects, MatchedGains, axis_effects
from prunesweep.orchestrator.comparison.matching import EFFECT_AXES, match_trials, own_settings
from prunesweep.orchestrator.comparison.request import (
    GAIN_BY_REFERENCE,
    IMAGE_SETS,
    check_name,
    parse_figures,
    select_images,
)
from prunesweep.orchestrator.query.candidates import check_comparable, eligible_trials
from prunesweep.orchestrator.query.columns import SETTING_KEY
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.statistics import image_gains
from prunesweep.orchestrator.statistics.resampling import RESAMPLES
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.results_store.image_scores import ImageScores
from prunesweep.sweeps.catalogue import NONE
from prunesweep.sweeps.words import counted, listed


@dataclass(frozen=True)
class MainEffects:
    """The main effects of one or several axes.

    Attributes:
        table: one row per axis, figure and value; ``main_effects`` explains its columns.
        effects: what is known about each axis and figure, in the order of the table.
        over: the networks over which the gains are: ``baseline`` or ``control``.
        images: the test images: ``all``, ``selection`` or ``report``.
        left_out: the number of trials that take part in no comparison, by reason.
        without_match: the axes that vary, but in which no two trials differ alone.
    """

    table: pd.DataFrame
    effects: tuple[AxisEffects, ...]
    over: str
    images: str
    left_out: dict[str, int]
    without_match: tuple[str, ...]


def main_effects(
    store: StoreLike = DEFAULT_STORE,
    *,
    axes: Sequence[str] = (),
    figures: Sequence[str] = ("robustness",),
    over: str = "control",
    images: str = "all",
    where: Sequence[str] = (),
    sweep: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MainEffects:
    """Compare the values of an axis on matched trials, which are equal in the seed and in every setting but the axis.

    A match is a set of such trials that has every compared value, so all values are compared with the same other
    settings. If no match has every value of the axis, the largest set of values that some match has is compared.
    ``prunesweep.orchestrator.comparison.matching`` says what is equal if a setting follows from the axis or is not
    used. Baselines do not take part. Controls take part only over the baseline, as the structure ``none``.

    Trials that share a baseline are not independent. So gains are averaged per baseline, each baseline counts equally,
    and the interval is the t interval over the baselines. If all matched trials have one baseline, it is the bootstrap
    interval over images for these networks, which says nothing about other seeds.

    A missing store and an unknown sweep raise ``UserError``, with a message of one line. So do trials that were not
    tested on the same images or not attacked in the same way.

    Args:
        store: a folder, an fsspec URL or an open store.
        axes: axes of a sweep, or other columns of the setting such as ``quota``; if none is given, all that vary.
        figures: the accuracies whose gains are compared.
        over: ``control``, which shows the effect of pruning without that of longer training, or ``baseline``.
        images: the test images: ``all``, or the half ``selection`` or ``report``.
        where: conditions on settings and the seed, such as ``"architecture == resnet20"``; all must be met.
        sweep: the name of a sweep that ran on the store. Only its trials take part, with the results of its own
            attacks and test images.
        resamples: the number of bootstrap resamples, where the interval is over images.
        seed: the seed of the bootstrap.

    Returns:
        The effects. The rows of ``table`` are in the order of the axes, then of the figures. Values that are numbers
        are in ascending order; otherwise, the value with the greatest mean is first. Columns:

        - ``axis``; ``value`` as text; ``figure``; ``over``, as given;
        - ``mean`` of the gains, ``low`` and ``high`` (95 % interval), in percentage points; ``interval``: what it is
          over, ``baselines`` or ``images``;
        - ``behind``: the mean of the best value minus this mean, ``behind_low`` and ``behind_high`` (paired 95 %
          interval), in percentage points; NaN for the best value;
        - ``trials``, ``matches`` and ``baselines``: the numbers of these. If the axis concerns the baseline, a set of
          baselines, one per value, counts as one;
        - ``flops_share``: the mean of the FLOPs as a share of the baseline's; NaN if unknown;
        - ``trial_keys``: a sorted list.

    Raises:
        SelectionError: ``over``, ``images``, a figure, an axis or a condition is wrong, or no trials match.

    Example:
        >>> from prunesweep import main_effects
        >>> found = main_effects("store", axes=["structure"], over="baseline")
        >>> found.table[["value", "mean", "matches"]].round(1).to_dict("records")
        [{'value': 'none', 'mean': -0.8, 'matches': 1}, {'value': 'filters', 'mean': -15.8, 'matches': 1}]
        >>> found.effects[0].sentence
        'structure none is ahead of filters on these networks by 14.95 p.p. (11.85 to 18.10).'
    """
    gain = GAIN_BY_REFERENCE[check_name(over, "a reference for gains", GAIN_BY_REFERENCE)]
    suffix = IMAGE_SETS[check_name(images, "a set of test images", IMAGE_SETS)]
    asked = [check_name(axis, "an axis", EFFECT_AXES) for axis in dict.fromkeys(axes)]
    opened = existing_store(store)
    trials = trials_of(opened, sweep)
    pruned = trials[(trials["iterations"] > 0) & ((trials["structure"] != NONE) | (over == "baseline"))]
    filters = parse_filters(where, trials)
    scores = ImageScores(opened, trials, sweep)

    left_out = {"baseline or control": len(trials) - len(pruned)} if len(pruned) < len(trials) else {}
    effects: list[AxisEffects] = []
    without_match: dict[str, None] = {}
    for figure in parse_figures(figures):
        column = f"{figure}_{gain}{suffix}"
        eligible, reasons = eligible_trials(pruned, filters, [column, SETTING_KEY])
        check_comparable(eligible, [f"{figure}_{gain}"])
        left_out |= reasons
        for axis in asked or _varying_axes(eligible):
            of_axis = eligible if axis == "structure" else eligible[eligible["structure"] != NONE]
            matching = match_trials(of_axis, axis)
            if not matching.values:
                without_match[axis] = None
                continue
            matched = MatchedGains(
                matching,
                figure,
                over,
                _gains_by_trial(of_axis, column, trials, over),
                partial(_gains_on_images, scores, figure, gain, images),
                resamples,
                seed,
            )
            effects.append(axis_effects(matched))
    if not effects:
        raise SelectionError(_nothing_matches(asked, pruned, where, over))
    effects.sort(key=lambda each: (asked or EFFECT_AXES).index(each.axis))
    table = pd.concat([each.table for each in effects], ignore_index=True)
    return MainEffects(table, tuple(effects), over, images, left_out, tuple(without_match))


def _varying_axes(trials: pd.DataFrame) -> list[str]:
    """Return the axes of which the pruned trials have several values; controls are one value of the structure."""
    settings = own_settings(trials[trials["structure"] != NONE])
    values = {**settings.nunique(), "structure": trials["structure"].nunique()}
    return [axis for axis in EFFECT_AXES if values[axis] > 1]


def _gains_by_trial(eligible: pd.DataFrame, column: str, trials: pd.DataFrame, over: str) -> pd.DataFrame:
    """Return the gains of trials as in ``MatchedGains``.

    Gains over the baseline are independent only if they are over different baselines, which are the plain ones for the
    trials of defended baselines.

    Args:
        eligible: the trials to compare.
        column: the column of their gains.
        trials: all trials, with the baselines.
        over: ``baseline`` or ``control``.
    """
    own_baseline = eligible["baseline_key"]
    baseline = eligible["plain_key"].fillna(own_baseline) if over == "baseline" else own_baseline
    flops = own_baseline.map(trials.set_index("trial_key")["flops"])
    columns = {"gain": eligible[column], "baseline": baseline, "flops_share": eligible["flops"] / flops}
    return pd.DataFrame(columns).set_index(eligible["trial_key"])


def _gains_on_images(scores: ImageScores, figure: str, gain: str, images: str, trial_key: str) -> NDArray[np.float64]:
    """Return the gain of a trial on each of the chosen test images, (images,), in percentage points."""
    return image_gains([select_images(images, scores.paired_scores_of_gain(trial_key, figure, gain))])


def _nothing_matches(asked: Sequence[str], pruned: pd.DataFrame, where: Sequence[str], over: str) -> str:
    """Return the message that no trials match: there is no gain, or no trials that differ in one axis alone."""
    conditions = f" that meet {listed(where)}" if where else ""
    axes = listed(asked, last="or") if asked else "one axis"
    hint = "; --over baseline needs no controls" if over == "control" else ""
    return (
        f"nothing to compare: of {counted(len(pruned), 'pruned trial')}, no two{conditions} have a gain over their "
        f"{over} and differ in {axes} alone{hint}"
    )
