"""Every setting against its baseline or its control: how large the gains are, and how sure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.query.candidates import as_candidates, eligible_trials
from prunesweep.orchestrator.query.columns import DETAILS, EPOCHS, REMOVED, SETTING_KEY, SETTINGS
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.selection import SelectionError
from prunesweep.orchestrator.statistics import (
    estimate,
    holm,
    image_gains,
    mcnemar,
    paired_difference,
    smallest_gain,
    smallest_mean_gain,
)
from prunesweep.orchestrator.statistics.paired import Pair
from prunesweep.orchestrator.statistics.resampling import RESAMPLES
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.results_store.halves import selection_half
from prunesweep.results_store.image_scores import ImageScores
from prunesweep.results_store.schema import ACCURACIES
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.words import counted, listed

OVER = {"baseline": "gain", "control": "gain_over_control"}
"""What a setting is compared with -> the gain in the trials table."""

IMAGES = {"all": "", "selection": "_selection", "report": "_report"}
"""Which test images are compared on -> the ending of their columns."""

MCNEMAR, BOOTSTRAP = "mcnemar", "bootstrap"

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
    "smallest_gain",
    "trial_keys",
)
"""The columns of a comparison, after the settings."""

BESIDE = (SETTING_KEY, *DETAILS, EPOCHS, *REMOVED)
"""What is set beside the axes and what pruning left: the last columns, which tell apart what reads the same."""


def compare_settings(
    store: StoreLike = DEFAULT_STORE,
    *,
    sweep: str | None = None,
    where: Sequence[str] = (),
    over: str = "baseline",
    images: str = "all",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the gains of every setting in generalization, robustness and each attack, with what they are worth.

    There are two intervals, because there are two questions. ``seeds_low`` to ``seeds_high`` (t, over the seeds'
    gains) is about other seeds; trials that share a baseline say nothing of how baselines vary, so ``baselines``
    tells how many there are. ``images_low`` to ``images_high`` (bootstrap over images, the seeds' pairs together)
    is about these networks on other images.

    Args:
        store: a folder, an fsspec URL or an open store.
        sweep: the name of a sweep that ran on the store; its own attacks and images count.
        where: such as ``"architecture == resnet20"``, on settings and the seed; all must hold.
        over: ``baseline``, as the paper compares, or ``control``: what pruning did beside longer training.
        images: ``all`` test images, as the paper has it; ``selection`` or ``report``, where a network was chosen.
        resamples, seed: of the bootstrap.

    Returns:
        One row a setting and figure that has a gain; settings sorted, figures in the order of ``trials``. Columns:
        the settings; ``figure``; ``over``; ``seeds`` and ``baselines`` (how many); ``mean``, ``sd``, ``seeds_low``,
        ``seeds_high``, ``images_low``, ``images_high`` and ``smallest_gain`` (what this many images would show four
        times in five; all in percentage points); ``images`` (how many); ``p`` (two-sided) and its ``test``:
        ``mcnemar`` (exact) where one pair of networks classified each image once, else ``bootstrap`` (clustered by
        image); ``p_holm``, adjusted over all rows; ``trial_keys`` (a list, by seed). A number is NaN where it cannot
        be told: intervals of one seed, and everything where seeds were not tested on the same images or not
        attacked in the same way.

    Raises:
        SelectionError: one line about a condition, ``over`` or ``images``, or why there is nothing to compare.
        UserError: one line about the store or the sweep's name.

    Example:
        >>> from prunesweep import compare_settings
        >>> gains = compare_settings("store", over="control").set_index("figure")
        >>> gains.loc["robustness", ["mean", "images_low", "images_high"]].astype(float).round(1).to_dict()
        {'mean': -15.0, 'images_low': -18.1, 'images_high': -11.8}
    """
    gain, half = _known(over, "what a gain can be over", OVER), _known(images, "a set of test images", IMAGES)
    opened = existing_store(store)
    trials = trials_of(opened, sweep)
    filters = parse_filters(where, trials)
    scores = ImageScores(opened, trials, sweep)

    rows: list[dict[str, Any]] = []
    for place, figure in enumerate(ACCURACIES):
        column = f"{figure}_{gain}{half}"
        eligible, _ = eligible_trials(trials, filters, [column])
        for setting in _settings(eligible, column):
            keys = setting["trial_keys"]
            seeds = eligible.set_index("trial_key").loc[keys]
            alike = not math.isnan(setting[column])
            pairs = [_on(images, scores.pair_of_gain(key, figure, gain)) for key in keys] if alike else []
            rows.append(
                {name: setting[name] for name in (*SETTINGS, *BESIDE)}
                | {"figure": figure, "over": over, "seeds": len(keys), "baselines": seeds["baseline_key"].nunique()}
                | _over_seeds(seeds[column].tolist() if alike else [math.nan])
                | _over_images(pairs, resamples, seed)
                | {"trial_keys": keys, "place": place}
            )
    if not rows:
        raise SelectionError(_nothing(trials, where, over))
    return _as_table(rows)


def _known(name: str, kind: str, allowed: Mapping[str, str]) -> str:
    if name not in allowed:
        raise SelectionError(unknown_name(name, kind, allowed))
    return allowed[name]


def _settings(eligible: pd.DataFrame, column: str) -> list[dict[Any, Any]]:
    """The settings of these trials, with the mean of the column; null where seeds were not measured alike."""
    return as_candidates(eligible, [column], average_seeds=True).to_dict("records") if len(eligible) else []


def _on(images: str, pair: Pair) -> Pair:
    """The scores of the images that are compared on."""
    if images == "all":
        return pair
    half = selection_half(len(pair[0]))
    chosen = half if images == "selection" else ~half
    return pair[0][chosen], pair[1][chosen]


def _over_seeds(gains: list[float]) -> dict[str, float]:
    found = estimate(gains)
    return {"mean": found.mean, "sd": found.sd, "seeds_low": found.low, "seeds_high": found.high}


def _over_images(pairs: Sequence[Pair], resamples: int, seed: int) -> dict[str, Any]:
    if not pairs:
        untold = dict.fromkeys(("images_low", "images_high", "p", "smallest_gain"), math.nan)
        return {"images": 0, "test": "", **untold}
    found = paired_difference(pairs, resamples=resamples, seed=seed)
    shares = image_gains(pairs) / 100
    (ours, theirs), once = pairs[0], len(pairs) == 1 and pairs[0][0].dtype == bool
    mean_square = float(np.mean(shares**2))  # where images were classified once, the share of discordant ones
    return {
        "images": found.images,
        "images_low": found.low,
        "images_high": found.high,
        "test": MCNEMAR if once else BOOTSTRAP,
        "p": mcnemar(ours, theirs) if once else found.p,
        "smallest_gain": (smallest_gain if once else smallest_mean_gain)(found.images, mean_square),
    }


def _as_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows by setting, then figure, with Holm's p-values over all of them."""
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p"].to_numpy())
    first = table["trial_keys"].str[0]
    ordered = table.assign(first=first).sort_values([*SETTINGS, "first", "place"], ignore_index=True)
    return ordered[[*SETTINGS, *COMPARISON_COLUMNS, *BESIDE]]


def _nothing(trials: pd.DataFrame, where: Sequence[str], over: str) -> str:
    asked = f" where {listed(where)}" if where else ""
    return (
        f"nothing to compare: of {counted(len(trials), 'trial')}{asked} none was tested in the same way as its {over}"
    )
