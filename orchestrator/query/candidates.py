"""Candidates, the settings or trials that a selection compares, made from the rows of the table ``trials``.

Trials are filtered, checked for being comparable, and averaged over the seeds of a setting (everything in a trial's key
but the seed).
"""

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
        trials: rows of the table ``trials``.
        filters: the conditions of ``where``.
        needed: the columns in which a trial must have a value.

    Returns:
        The eligible rows, and the number of trials left out by reason. A trial that is left out for several reasons
        counts under the first reason.
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
    """Check that some figures (measured columns) were measured in the same way in all trials.

    Accuracies on different test images cannot be ranked together, nor can robustness by different definitions.

    Args:
        trials: the eligible trials.
        names: the figures, without the suffix of a half, such as ``robustness_gain``.

    Raises:
        SelectionError: the trials differ in a column of ``COMPARABLE_WITHIN`` on which one of the figures depends.
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
    """Return, for each trial, a key that is the same for all trials that differ only in the seed.

    It is the trial's ``setting_key``. If that is unknown, as for some trials of older versions, it is the trial's own
    key, so that such a trial is grouped with no other trial.
    """
    keys: pd.Series[str] = trials[SETTING_KEY].fillna(trials["trial_key"])
    return keys


def as_candidates(trials: pd.DataFrame, measured: Sequence[str], *, average_seeds: bool) -> pd.DataFrame:
    """Return one row per candidate, in an order that does not depend on the order of the trials.

    Args:
        trials: the eligible trials.
        measured: the columns of figures to keep. A candidate's value is the mean over its trials. It is null if one of
            the trials has no value, or if the trials were not measured in the same way.
        average_seeds: whether the trials that differ only in the seed form one candidate. If not, each trial is a
            candidate.

    Returns:
        A table with these columns: the axes (with ``seed`` unless seeds are averaged); ``setting_key``, ``epochs`` and
        the columns of ``SETTING_DETAILS`` and ``REMOVAL_COUNTS``, without those that the trials lack or that are in
        ``measured``; ``seeds`` (the number of trials); ``trial_keys`` (a list, sorted by seed); and the columns of
        ``measured``.
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
    """Return the measured columns as floats, null if the trials of a candidate were not measured in the same way."""
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
        candidates: the candidates, as ``as_candidates`` returns them.
        constraints: conditions on the figures of the candidates.

    Returns:
        The remaining candidates, and the number of trials (not of candidates) left out by reason.
    """
    left_out: dict[str, int] = {}
    for constraint in constraints:
        matches = constraint.matches(candidates)
        if not matches.all():
            left_out[f"constraint not met: {constraint.text}"] = int(candidates.loc[~matches, "seeds"].sum())
        candidates = candidates[matches]
    return candidates.reset_index(drop=True), left_out


def keep_verified(candidates: pd.DataFrame, verdicts: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the candidates whose trials all have the verdict *holds*: their gain in robustness is real.

    Args:
        candidates: the candidates, as ``as_candidates`` returns them.
        verdicts: the verdicts by trial key. Trials that were not verified are missing.

    Returns:
        The remaining candidates, and the number of trials (not of candidates) left out by reason.
    """
    faults = pd.Series([_verification_fault(keys, verdicts) for keys in candidates["trial_keys"]], dtype=object)
    left_out = candidates["seeds"].groupby(faults).sum()
    reasons = {str(reason): int(trials) for reason, trials in left_out.items()}
    return candidates[faults.isna()].reset_index(drop=True), reasons


def _verification_fault(keys: Sequence[str], verdicts: Mapping[str, str]) -> str | None:
    """Return the reason why a trial lacks the verdict *holds*, or None if all these trials have it."""
    if not verdicts.keys() >= set(keys):
        return "not verified: run `prunesweep verify-robustness` on them"
    return next((f"verified, {verdict}" for verdict in map(verdicts.__getitem__, keys) if verdict != HOLDS), None)
