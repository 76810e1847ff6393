"""Trials that are equal in everything but one axis: the sets of trials on which the values of the axis can be compared.

Two trials match if they have the same seed and the same value in every column of the setting except the axis. A setting
that a trial does not use, or that only repeats another setting of it, is no difference: ``own_settings`` makes it null.
Where the value of the axis decides whether a setting is used (``USE_DEPENDS_ON_AXIS``), a null matches every value. So
a trial that was trained from scratch matches a fine-tuned one, whatever the learning rate of the fine-tuning was.
"""

from collections import Counter
from collections.abc import Iterable
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

SetCounts = Counter[frozenset[str]]
"""For each set of values that the trials of a match have, the number of such matches."""

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
    settings = pd.DataFrame({name: _as_texts(trials[name]) for name in MATCHED_COLUMNS})
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


def _as_texts(column: pd.Series) -> pd.Series:
    """Return a column as text, which is the same for equal numbers of different types; nulls stay null."""
    texts = {value: _as_text(value) for value in column.dropna().unique().tolist()}
    return column.map(texts).astype(object)


def _as_text(value: Any) -> str:
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
    values_of_match = candidates.groupby("match")["value"].agg(frozenset)
    sets = Counter(values_of_match)
    every_value = frozenset().union(*sets)
    values = _largest_complete_set(sets)
    if not values:
        return Matching(axis, (), candidates.iloc[:0], _in_order(every_value), {}, None)
    is_complete = candidates["match"].map(values_of_match.map(values.issubset))
    members = candidates[is_complete & candidates["value"].isin(values)]
    return Matching(
        axis,
        _in_order(values),
        _without_repetition(members),
        _in_order(every_value - values),
        _count_unmatched(trials, candidates, candidates["match"].map(values_of_match), values, axis),
        _hint(sets, values),
    )


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
        keyed = repeat_for_each_value(keyed, name)
    others = [name for name in MATCHED_COLUMNS if name != axis and keyed[name].nunique(dropna=False) > 1]
    match = keyed.groupby(others, dropna=False).ngroup() if others else 0
    return keyed.assign(match=match)[["match", "value", "trial_key"]]


def repeat_for_each_value(keyed: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows, with those that do not use a setting once for each value of it that other rows have."""
    is_unused, values = keyed[name].isna(), keyed[name].dropna().unique()
    if not is_unused.any() or not len(values):
        return keyed
    repeated = keyed[is_unused].drop(columns=name).merge(pd.DataFrame({name: values}), how="cross")
    return pd.concat([keyed[~is_unused], repeated], ignore_index=True)


def _largest_complete_set(sets: SetCounts) -> frozenset[str]:
    """Return the largest set of values that a match has, of several the one that the most matches have.

    The set is empty if no match has two values.
    """
    ranked = sorted(sets, key=lambda values: (-len(values), -_complete_matches(sets, values), sorted(values)))
    return ranked[0] if ranked and len(ranked[0]) > 1 else frozenset()


def _complete_matches(sets: SetCounts, values: frozenset[str]) -> int:
    """Return the number of matches that have all these values."""
    return sum(count for of_match, count in sets.items() if values <= of_match)


def _without_repetition(members: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of matched trials, with one match for each set of trials.

    The same trials may match several times if none of them uses a setting that varies elsewhere.
    """
    keys = members.groupby("match")["trial_key"].agg(frozenset)
    return members[~members["match"].isin(keys.index[keys.duplicated()])].reset_index(drop=True)


def _count_unmatched(
    trials: pd.DataFrame,
    candidates: pd.DataFrame,
    values_of_match: "pd.Series[Any]",
    values: frozenset[str],
    axis: str,
) -> dict[str, int]:
    """Return the number of trials without a match by reason, most trials first.

    Of a trial that a null puts into several sets of equal trials, the set that lacks the fewest values counts.

    Args:
        trials: all trials, of which some do not use the axis.
        candidates: the trials that use the axis, as ``_candidates`` returns them.
        values_of_match: for each row of ``candidates``, the values that the trials of its match have.
        values: the compared values.
        axis: the axis.
    """
    lacking = values_of_match.map(values.difference)
    fewest = candidates.assign(lacking=lacking, count=lacking.map(len)).sort_values("count", kind="stable")
    of_trials = Counter(fewest.drop_duplicates("trial_key")["lacking"])
    counts = {
        f"no matching trial of {axis} {listed(_in_order(missing), last='or')}": count
        for missing, count in of_trials.most_common()
        if missing
    }
    unused = len(trials) - of_trials.total()
    return counts | ({f"{axis} not used": unused} if unused else {})


def _hint(sets: SetCounts, values: frozenset[str]) -> str | None:
    """Return the value without which at least twice as many trials would match; None if there is none."""
    if len(values) < 3:
        return None
    matched = {value: (len(values) - 1) * _complete_matches(sets, values - {value}) for value in _in_order(values)}
    best = max(matched, key=lambda value: matched[value])
    return best if matched[best] >= 2 * len(values) * _complete_matches(sets, values) else None


def _in_order(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(values, key=number_or_text))


def number_or_text(value: str) -> tuple[bool, float, str]:
    """Return a sort key by which numbers come first, in ascending order, and then texts in alphabetical order."""
    try:
        return False, float(value), ""
    except ValueError:
        return True, 0.0, value
