"""From trials to candidates: who is left out and why, who can be compared, and seeds averaged."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from prunesweep.orchestrator.query.columns import (
    COMPARABLE_WITHIN,
    DETAILS,
    EPOCHS,
    REMOVED,
    SEED,
    SETTING_KEY,
    SETTINGS,
)
from prunesweep.orchestrator.query.conditions import Condition
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.results_store.verdict_names import HOLDS
from prunesweep.sweeps.words import counted


def eligible_trials(
    trials: pd.DataFrame, filters: Iterable[Condition], needed: Iterable[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The trials that pass the filters, did not fail and have all ``needed`` columns; how many do not.

    The counts are by reason; a trial that is left out for several counts under the first.
    """
    checks = {f"where not met: {condition.text}": condition.met(trials) for condition in filters}
    checks["failed"] = trials["error"].isna()
    checks |= {f"{column} missing": trials[column].notna() for column in needed}

    left_out: dict[str, int] = {}
    kept = pd.Series(True, index=trials.index)
    for reason, passes in checks.items():
        if count := int((kept & ~passes).sum()):
            left_out[reason] = count
        kept &= passes
    return trials[kept], left_out


def check_comparable(trials: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise ``SelectionError`` where the figures ``names`` were not measured alike in all trials.

    Accuracies on other test images, and robustness by another definition, are other quantities: no order
    holds between.
    """
    for column, concerns in COMPARABLE_WITHIN.items():
        counts = trials[column].value_counts(dropna=False)
        figure = next(filter(concerns, names), None)
        if figure is not None and len(counts) > 1:
            found = ", ".join(f'"{value}" ({counted(count, "trial")})' for value, count in counts.items())
            raise SelectionError(
                f"{figure} cannot be compared between unequal {column}: {found}; "
                f"choose one, as in where '{column} == \"{counts.index[0]}\"'"
            )


def as_candidates(trials: pd.DataFrame, measured: Sequence[str], *, average_seeds: bool) -> pd.DataFrame:
    """One row a candidate, in an order that does not depend on the trials' order.

    Args:
        trials: The eligible trials.
        measured: The columns to keep; a candidate has the mean over its trials, null where one is.
        average_seeds: Whether the seeds of one setting are one candidate, or a candidate each.

    Returns:
        Columns: the settings (with ``seed`` unless averaged), what is set beside them (``setting_key`` and
        ``DETAILS``) and what pruning left (``REMOVED``), as far as the trials have them, ``seeds`` (how many),
        ``trial_keys`` (a list, by seed), and ``measured``.
    """
    words = [*SETTINGS] if average_seeds else [*SETTINGS, SEED]
    details = [name for name in (SETTING_KEY, *DETAILS, EPOCHS) if name in trials and name not in measured]
    trials = trials.sort_values([*SETTINGS, SETTING_KEY, SEED, "trial_key"], ignore_index=True)
    # A trial whose setting is not known is like no other.
    named = trials[SETTING_KEY].fillna(trials["trial_key"]) if average_seeds else trials["trial_key"]
    group = named.groupby(named, sort=False).ngroup()  # one number a candidate, in order of appearance

    candidates = trials.loc[~group.duplicated(), [*words, *details]].reset_index(drop=True)
    for name, how in REMOVED.items():
        if name in trials and name not in measured:
            candidates[name] = trials[name].groupby(group).agg(how)
    candidates["seeds"] = group.groupby(group).size()
    candidates["trial_keys"] = trials["trial_key"].groupby(group).agg(list)
    figures = _comparable_figures(trials, measured, group).groupby(group)
    # As mean(skipna=False), which groups of pandas 2 do not know.
    return candidates.join(figures.mean().where(figures.count().eq(candidates["seeds"], axis=0)))


def _comparable_figures(trials: pd.DataFrame, measured: Sequence[str], group: "pd.Series[int]") -> pd.DataFrame:
    """The measured columns as floats, null where a group's trials were not measured alike."""
    figures = trials[[*measured]].astype(np.float64)
    for column, concerns in COMPARABLE_WITHIN.items():
        unlike = trials[column].groupby(group).transform("nunique", dropna=False) > 1
        figures.loc[unlike, [*filter(concerns, measured)]] = np.nan
    return figures


def meeting(candidates: pd.DataFrame, constraints: Iterable[Condition]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The candidates that meet every constraint; and how many trials the others stand for, by constraint."""
    left_out: dict[str, int] = {}
    for constraint in constraints:
        met = constraint.met(candidates)
        if not met.all():
            left_out[f"constraint not met: {constraint.text}"] = int(candidates.loc[~met, "seeds"].sum())
        candidates = candidates[met]
    return candidates.reset_index(drop=True), left_out


def holding(candidates: pd.DataFrame, verdicts: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The candidates whose every trial has the verdict *holds*; and how many trials the others stand for, by reason.

    Args:
        verdicts: by key; a trial that was not verified has none.
    """
    faults = pd.Series([_fault_of(keys, verdicts) for keys in candidates["trial_keys"]], dtype=object)
    left_out = candidates["seeds"].groupby(faults).sum()
    reasons = {str(reason): int(trials) for reason, trials in left_out.items()}
    return candidates[faults.isna()].reset_index(drop=True), reasons


def _fault_of(keys: Sequence[str], verdicts: Mapping[str, str]) -> str | None:
    """Why not every one of these trials holds; None where each does."""
    if not verdicts.keys() >= set(keys):
        return "not verified: run `prunesweep verify-robustness` on them"
    return next((f"verified, {verdict}" for verdict in map(verdicts.__getitem__, keys) if verdict != HOLDS), None)
