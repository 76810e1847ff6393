"""The way from trials to candidates: leaving trials out, checking that the rest are comparable, averaging seeds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from prunesweep.orchestrator.query.columns import (
    AXIS_COLUMNS,
    COMPARABLE_WITHIN,
    EPOCHS,
    REMOVAL_COUNTS,
    SEED,
    SETTING_DETAILS,
    SETTING_KEY,
)
from prunesweep.orchestrator.query.conditions import Condition
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.results_store.verdict_names import HOLDS
from prunesweep.sweeps.words import counted


def eligible_trials(
    trials: pd.DataFrame, filters: Iterable[Condition], needed: Iterable[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the trials that meet all filters, did not fail and have a value in every needed column.

    Args:
        trials: Rows of the table ``trials``.
        filters: The conditions of ``where``.
        needed: The columns in which a trial must have a value.

    Returns:
        The eligible rows; and reason -> number of trials left out for it. A trial that is left out for several
        reasons counts under the first.
    """
    checks = {f"where not met: {condition.text}": condition.matches(trials) for condition in filters}
    checks["failed"] = trials["error"].isna()
    checks |= {f"{column} missing": trials[column].notna() for column in needed}

    left_out: dict[str, int] = {}
    eligible = pd.Series(True, index=trials.index)
    for reason, passes in checks.items():
        if count := int((eligible & ~passes).sum()):
            left_out[reason] = count
        eligible &= passes
    return trials[eligible], left_out


def check_comparable(trials: pd.DataFrame, names: Sequence[str]) -> None:
    """Check that some figures were measured in the same way in all trials.

    Accuracies on other test images, and robustness by another definition, are other quantities, which cannot be
    ranked together.

    Args:
        trials: The eligible trials.
        names: The figures, without the suffix of a half, such as ``robustness_gain``.

    Raises:
        SelectionError: Trials differ in a column of ``COMPARABLE_WITHIN`` on which one of the figures depends.
    """
    for column, concerns in COMPARABLE_WITHIN.items():
        counts = trials[column].value_counts(dropna=False)
        figure = next(filter(concerns, names), None)
        if figure is not None and len(counts) > 1:
            values = ", ".join(f'"{value}" ({counted(count, "trial")})' for value, count in counts.items())
            raise SelectionError(
                f"{figure} can be compared only between trials of the same {column}, but these have {values}; "
                f"choose one, as in where '{column} == \"{counts.index[0]}\"'"
            )


def setting_group_keys(trials: pd.DataFrame) -> "pd.Series[str]":
    """Return a key per trial by which trials are grouped into settings.

    It is the trial's ``setting_key``, or where the setting is unknown (some trials of older versions) the trial's own
    key, so that such a trial is grouped with no other.
    """
    keys: pd.Series[str] = trials[SETTING_KEY].fillna(trials["trial_key"])
    return keys


def as_candidates(trials: pd.DataFrame, measured: Sequence[str], *, average_seeds: bool) -> pd.DataFrame:
    """Return one row per candidate, in an order that does not depend on the order of the trials.

    Args:
        trials: The eligible trials.
        measured: The columns of figures to keep. A candidate has their mean over its trials; null where one of the
            trials has none, or where the trials were not measured in the same way.
        average_seeds: Whether all seeds of one setting are one candidate; otherwise each trial is one.

    Returns:
        The axes (with ``seed`` unless seeds are averaged); the columns of ``setting_key``, ``SETTING_DETAILS``,
        ``epochs`` and ``REMOVAL_COUNTS`` that the trials have and that are not in ``measured``; ``seeds`` (the number
        of trials), ``trial_keys`` (a list, sorted by seed), and ``measured``.
    """
    axes = [*AXIS_COLUMNS] if average_seeds else [*AXIS_COLUMNS, SEED]
    details = [name for name in (SETTING_KEY, *SETTING_DETAILS, EPOCHS) if name in trials and name not in measured]
    trials = trials.sort_values([*AXIS_COLUMNS, SETTING_KEY, SEED, "trial_key"], ignore_index=True)
    keys = setting_group_keys(trials) if average_seeds else trials["trial_key"]
    group = keys.groupby(keys, sort=False).ngroup()  # one number per candidate, in order of appearance

    candidates = trials.loc[~group.duplicated(), [*axes, *details]].reset_index(drop=True)
    for name, aggregation in REMOVAL_COUNTS.items():
        if name in trials and name not in measured:
            candidates[name] = trials[name].groupby(group).agg(aggregation)
    candidates["seeds"] = group.groupby(group).size()
    candidates["trial_keys"] = trials["trial_key"].groupby(group).agg(list)
    figures = _comparable_figures(trials, measured, group).groupby(group)
    # This is mean(skipna=False), which the groups of pandas 2 do not have.
    return candidates.join(figures.mean().where(figures.count().eq(candidates["seeds"], axis=0)))


def _comparable_figures(trials: pd.DataFrame, measured: Sequence[str], group: "pd.Series[int]") -> pd.DataFrame:
    """Return the measured columns as floats, null where the trials of a group were not measured in the same way."""
    figures = trials[[*measured]].astype(np.float64)
    for column, concerns in COMPARABLE_WITHIN.items():
        differs = trials[column].groupby(group).transform("nunique", dropna=False) > 1
        figures.loc[differs, [*filter(concerns, measured)]] = np.nan
    return figures


def apply_constraints(
    candidates: pd.DataFrame, constraints: Iterable[Condition]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the candidates that meet every constraint.

    Args:
        candidates: As ``as_candidates`` returns them.
        constraints: Conditions on the candidates' figures.

    Returns:
        The remaining candidates; and reason -> number of trials (not candidates) left out for it.
    """
    left_out: dict[str, int] = {}
    for constraint in constraints:
        matches = constraint.matches(candidates)
        if not matches.all():
            left_out[f"constraint not met: {constraint.text}"] = int(candidates.loc[~matches, "seeds"].sum())
        candidates = candidates[matches]
    return candidates.reset_index(drop=True), left_out


def keep_verified(candidates: pd.DataFrame, verdicts: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the candidates all of whose trials have the verdict *holds*.

    Args:
        candidates: As ``as_candidates`` returns them.
        verdicts: Trial key -> verdict; a trial that was not verified is not in it.

    Returns:
        The remaining candidates; and reason -> number of trials (not candidates) left out for it.
    """
    faults = pd.Series([_verification_fault(keys, verdicts) for keys in candidates["trial_keys"]], dtype=object)
    left_out = candidates["seeds"].groupby(faults).sum()
    reasons = {str(reason): int(trials) for reason, trials in left_out.items()}
    return candidates[faults.isna()].reset_index(drop=True), reasons


def _verification_fault(keys: Sequence[str], verdicts: Mapping[str, str]) -> str | None:
    """Return why not all of these trials have the verdict *holds*, or None if they have."""
    if not verdicts.keys() >= set(keys):
        return "not verified: run `prunesweep verify-robustness` on them"
    return next((f"verified, {verdict}" for verdict in map(verdicts.__getitem__, keys) if verdict != HOLDS), None)
