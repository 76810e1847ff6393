"""Trials that are equal in everything but one axis: the sets of trials on which the values of the axis can be compared.

Two trials match if they have the same seed and the same value in every column of the setting except the axis. A setting
that a trial does not use, or that only repeats another setting of it, is no difference: ``own_settings`` makes it null.
Where the value of the axis decides whether a setting is used (``USE_DEPENDS_ON_AXIS``), a null matches every value. So
a trial that was trained from scratch matches a fine-tuned one, whatever the learning rate of the fine-tuning was.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prunesweep.orchestrator.query.columns import AXIS_COLUMNS, COMPARABLE_WITHIN, EPOCHS, SEED, SETTING_DETAILS
from prunesweep.sweeps.catalogue import ADJUSTMENTS, NONE, PLAIN
from prunesweep.sweeps.setting import TRAINING_SETTINGS
from prunesweep.sweeps.words import listed

EFFECT_AXES = tuple(name for name in (*AXIS_COLUMNS, *SETTING_DETAILS, EPOCHS) if name not in COMPARABLE_WITHIN)
"""The columns whose values can be compared on matched trials: the axes of a sweep, then the other settings."""

MATCHED_COLUMNS = tuple(dict.fromkeys((*AXIS_COLUMNS, SEED, *COMPARABLE_WITHIN, *SETTING_DETAILS, EPOCHS)))
"""The columns in which matched trials are equal, apart from the axis."""

_OWN_TRAINING = ("adjustment_recipe", EPOCHS, "dynamics", *TRAINING_SETTINGS)
_LOADED = ("baseline_weights", "baseline_mean", "baseline_std")

USE_DEPENDS_ON_AXIS: dict[str, tuple[str, ...]] = {
    "structure": ("criterion", "ratio", "quota", "blocks", "scoring_images"),
    "adjustment": ("rewind_epoch", *_OWN_TRAINING),
    "recipe": ("adjustment_recipe", "baseline_adversarial"),
}
"""By axis, the settings that only some of its values use."""

FILE_DEPENDS_ON_AXIS = ("architecture", "recipe")
"""The axes each of whose values has its own weights file, if baselines are loaded and not trained."""

_REPEATING_ADJUSTMENTS = [name for name, entry in ADJUSTMENTS.items() if entry.trains_by != "adjustment"]
_RECALIBRATIONS = [name for name, entry in ADJUSTMENTS.items() if entry.trains_by is None and entry.recalibrates]


def own_settings(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the settings that each trial uses and that do not repeat other settings of it; all others are null.

    - Baselines and controls use no criterion and no ratio. A number of blocks replaces the ratio of ``layers``.
    - A baseline, and a trial whose adjustment trains by the baseline's settings, repeat these in the columns of their
      own round. An adjustment without training uses none of them, except the batch size in a recalibration.
    - ``adjustment_recipe`` is ``baseline`` if it repeats the recipe of a defended baseline. If the baseline is plain,
      it makes no difference.

    Args:
        trials: rows of the table ``trials``.

    Returns:
        The columns ``MATCHED_COLUMNS`` as text, with the index of ``trials``. A training setting or a normalisation
        without a value, whose default applies, is the text ``default``.
    """
    settings = pd.DataFrame({name: trials[name].map(_as_text, na_action="ignore") for name in MATCHED_COLUMNS})
    settings = settings.astype(object)
    defaults = [*TRAINING_SETTINGS, *_LOADED]
    settings[defaults] = settings[defaults].where(settings[defaults].notna(), "default")

    settings.loc[trials["structure"] == NONE, ["criterion", "ratio"]] = None
    settings.loc[(trials["structure"] == "layers") & trials["blocks"].notna(), "ratio"] = None
    settings.loc[trials["adjustment_recipe"] == trials["recipe"], "adjustment_recipe"] = "baseline"
    settings.loc[trials["recipe"] == PLAIN, "adjustment_recipe"] = None
    repeats = (trials["iterations"] == 0) | trials["adjustment"].isin(_REPEATING_ADJUSTMENTS)
    settings.loc[repeats, [name for name in _OWN_TRAINING if name != "batch_size"]] = None
    settings.loc[repeats & ~trials["adjustment"].isin(_RECALIBRATIONS), "batch_size"] = None
    return settings


def _as_text(value: Any) -> str:
    """Return a setting as text, which is the same for equal numbers of different types."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else str(value)


@dataclass(frozen=True)
class Matching:
    """Matches: sets of trials that are equal in everything but one axis, and that have all its compared values.

    Attributes:
        axis: the column in which the trials of a match differ.
        values: the compared values as text, numbers in ascending order; empty if no match has two values.
        members: the matched trials, in the columns ``match`` (a number), ``value`` and ``trial_key``. A match has at
            least one trial of each value. It has several if they differ in no column, but only in the version of a
            phase. A trial is in several matches if it does not use a setting in which the other trials differ.
        left_out: the values that are not compared, because no match has them together with all compared values.
        unmatched: the number of trials without a match, by reason.
        hint: the value without which at least twice as many trials would match; None if there is none.
    """

    axis: str
    values: tuple[str, ...]
    members: pd.DataFrame
    left_out: tuple[str, ...]
    unmatched: dict[str, int]
    hint: str | None

    @property
    def trials(self) -> int:
        """Return the number of matched trials."""
        return int(self.members["trial_key"].nunique())

    @property
    def matches(self) -> int:
        """Return the number of matches."""
        return int(self.members["match"].nunique())


def match_trials(trials: pd.DataFrame, axis: str) -> Matching:
    """Match trials on everything but one axis.

    If no match has every value of the axis, the largest set of values that some match has is compared, and of several
    such sets the one with the most matches.

    Args:
        trials: rows of the table ``trials`` with known settings.
        axis: one of ``EFFECT_AXES``.
    """
    candidates = _candidates(trials, axis)
    has_value = pd.crosstab(candidates["match"], candidates["value"]) > 0
    values = _largest_complete_set(has_value)
    if not values:
        return Matching(axis, (), candidates.iloc[:0], tuple(has_value.columns), {}, None)
    complete = has_value.index[has_value[[*values]].all(axis=1)]
    members = candidates[candidates["match"].isin(complete) & candidates["value"].isin(values)]
    repeated = members.groupby("match")["trial_key"].agg(lambda keys: " ".join(sorted(keys))).duplicated()
    members = members[~members["match"].isin(repeated.index[repeated])].reset_index(drop=True)
    left_out = tuple(sorted(set(has_value.columns) - {*values}, key=number_or_text))
    unmatched = _count_unmatched(trials, candidates, has_value[[*values]], axis)
    return Matching(axis, values, members, left_out, unmatched, _hint(has_value[[*values]]))


def _candidates(trials: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Return the trials that use the axis, with the same number ``match`` for trials that match.

    Returns:
        The columns ``match``, ``value`` and ``trial_key``. A trial has a row for each value that a null matches.
    """
    settings = own_settings(trials)
    if axis in FILE_DEPENDS_ON_AXIS:
        settings.loc[trials["baseline_weights"].notna(), [*_LOADED]] = "loaded"
    keyed = settings.rename(columns={axis: "value"}).assign(trial_key=trials["trial_key"]).dropna(subset="value")
    for name in USE_DEPENDS_ON_AXIS.get(axis, ()):
        keyed = _repeat_for_each_value(keyed, name)
    others = [name for name in MATCHED_COLUMNS if name != axis and keyed[name].nunique(dropna=False) > 1]
    match = keyed.groupby(others, dropna=False).ngroup() if others else 0
    return keyed.assign(match=match)[["match", "value", "trial_key"]]


def _repeat_for_each_value(keyed: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows, with those that do not use a setting once for each value of it that other rows have."""
    is_unused, values = keyed[name].isna(), keyed[name].dropna().unique()
    if not is_unused.any() or not len(values):
        return keyed
    repeated = keyed[is_unused].drop(columns=name).merge(pd.DataFrame({name: values}), how="cross")
    return pd.concat([keyed[~is_unused], repeated], ignore_index=True)


def _largest_complete_set(has_value: pd.DataFrame) -> tuple[str, ...]:
    """Return the largest set of values that a match has, of several the one that the most matches have.

    Args:
        has_value: whether each match (rows) has a trial of each value (columns).

    Returns:
        The values, numbers in ascending order; none if no match has two values.
    """
    sets = {tuple(has_value.columns[row]) for row in has_value.to_numpy()}
    ranked = sorted(sets, key=lambda values: (-len(values), -int(has_value[[*values]].all(axis=1).sum()), values))
    return tuple(sorted(ranked[0], key=number_or_text)) if ranked and len(ranked[0]) > 1 else ()


def number_or_text(value: str) -> tuple[bool, float, str]:
    """Return a sort key by which numbers come first, in ascending order, and then texts in alphabetical order."""
    try:
        return False, float(value), ""
    except ValueError:
        return True, 0.0, value


def _count_unmatched(
    trials: pd.DataFrame, candidates: pd.DataFrame, has_value: pd.DataFrame, axis: str
) -> dict[str, int]:
    """Return the number of trials without a match by reason, most trials first.

    Of a trial that a null puts into several sets of equal trials, the set that lacks the fewest values counts.

    Args:
        trials: all trials, of which some do not use the axis.
        candidates: the trials that use the axis, as ``_candidates`` returns them.
        has_value: whether each match (rows) has a trial of each compared value (columns).
        axis: the axis.
    """
    lacking = candidates["match"].map({match: tuple(row.index[~row]) for match, row in has_value.iterrows()})
    fewest = candidates.assign(lacking=lacking, count=lacking.map(len)).sort_values("count", kind="stable")
    of_trials = fewest.drop_duplicates("trial_key")["lacking"]
    counts = Counter(f"no matching trial of {axis} {listed(values, last='or')}" for values in of_trials if values)
    unused = len(trials) - len(of_trials)
    return dict(counts.most_common()) | ({f"{axis} not used": unused} if unused else {})


def _hint(has_value: pd.DataFrame) -> str | None:
    """Return the value without which at least twice as many trials would match; None if there is none.

    Args:
        has_value: whether each match (rows) has a trial of each compared value (columns).
    """
    if has_value.shape[1] < 3:
        return None
    matched = {name: _matched_trials(has_value.drop(columns=name)) for name in has_value}
    best = max(matched, key=lambda name: matched[name])
    return str(best) if matched[best] >= 2 * _matched_trials(has_value) else None


def _matched_trials(has_value: pd.DataFrame) -> int:
    """Return the number of trials in the matches that have all values."""
    return int(has_value.all(axis=1).sum()) * has_value.shape[1]
