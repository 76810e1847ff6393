"""Pairs of trials of two groups that are equal in everything but what the groups differ in."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from prunesweep.orchestrator.comparison.groups import TrialGroup
from prunesweep.orchestrator.comparison.matching import (
    MATCHED_COLUMNS,
    USE_DEPENDS_ON_AXIS,
    number_or_text,
    own_settings,
    repeat_for_each_value,
)
from prunesweep.orchestrator.query.columns import SEED
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.sweeps.catalogue import NONE
from prunesweep.sweeps.words import listed

_SAME_TEST = ("dataset", "test_fingerprint")
_KINDS = ("baseline", "control", "pruned")
_UNUSED = ""  # the text of a setting that a trial does not use, which no used setting has


Values = tuple[tuple[str, ...], tuple[str, ...]]
"""The values of a column in the reference and in the other group, as text, which is empty if it is not used."""


@dataclass(frozen=True)
class Pairing:
    """The pairs of trials of two groups.

    Attributes:
        pairs: one row per pair, with the columns ``reference_key``, ``trial_key``, ``networks`` (what the networks are:
            ``baseline``, ``control`` or ``pruned``, or two of these) and ``baselines`` (the keys of their baselines).
        differing: the columns of which the groups have no value in common, with the values of both; without those that
            only one of them uses because of another such column.
        in_both: the number of trials that are in both groups, and in no pair.
        unpaired: the numbers of the other trials without a pair, in the reference and in the other group.
        by_seed: whether both groups are one setting each, so that the pairs differ only in the seed.
    """

    pairs: pd.DataFrame
    differing: dict[str, Values]
    in_both: int
    unpaired: tuple[int, int]
    by_seed: bool

    def by_networks(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the pairs of baselines, of controls and of pruned networks, then those of different kinds."""
        present = set(self.pairs["networks"])
        for name in [*(kind for kind in _KINDS if kind in present), *sorted(present - {*_KINDS})]:
            yield name, self.pairs[self.pairs["networks"] == name]


def pair_trials(reference: TrialGroup, other: TrialGroup) -> Pairing:
    """Pair the trials of a group with those of the reference.

    A single trial is paired with another single trial, and settings are paired by seed. Otherwise, the groups differ in
    those columns of which they have no value in common, and trials are paired that are equal in the seed and in all
    other columns. ``own_settings`` says which settings count. A setting whose use depends on a column in which the
    groups differ matches every value if it is not used, as in ``matching``.

    Args:
        reference: the group to compare with.
        other: the group that is compared.

    Raises:
        SelectionError: the groups have the same trials, other test images, no common seed, or no pair.
    """
    in_both = {*reference.trials["trial_key"]} & {*other.trials["trial_key"]}
    theirs, ours = (_described(group.trials, in_both) for group in (reference, other))
    names = f"{reference.text} and {other.text}"
    if theirs.empty or ours.empty:
        alone = reference.text if theirs.empty else other.text
        raise SelectionError(f"{names}: every trial of {alone} is also in the other, so there is nothing to compare")
    differing = _differing(theirs, ours)
    if "test_fingerprint" in differing:
        raise SelectionError(f"{names}: they were tested on different images, so they cannot be compared")

    is_single = len(theirs) == len(ours) == 1
    by_seed = reference.is_one_setting and other.is_one_setting and not is_single
    if SEED in differing and not is_single:
        seeds = (listed(values) for values in differing[SEED])
        raise SelectionError(f"{names}: no trials can be paired, because they have no common seed: {'; '.join(seeds)}")
    if by_seed:
        equal = [SEED, *_SAME_TEST]
    else:
        equal = [name for name in MATCHED_COLUMNS if name not in differing and name != "robustness_definition"]
        theirs, ours = _with_unused(theirs, ours, [*differing], equal)
    pairs = theirs.merge(ours, on=equal, suffixes=("_reference", "")).drop_duplicates(
        ["trial_key_reference", "trial_key"]
    )
    if pairs.empty:
        raise SelectionError(f"{names}: no two trials are equal in all but {listed(differing) or 'what differs'}")
    unpaired = (
        theirs["trial_key"].nunique() - pairs["trial_key_reference"].nunique(),
        ours["trial_key"].nunique() - pairs["trial_key"].nunique(),
    )
    return Pairing(_pair_columns(pairs), _without_unused(differing), len(in_both), unpaired, by_seed)


def _described(trials: pd.DataFrame, left_out: Container[str]) -> pd.DataFrame:
    """Return the settings that trials use, with their keys, those of their baselines, and their kinds.

    Args:
        trials: rows of the table ``trials``.
        left_out: keys of trials to leave out.
    """
    settings = own_settings(trials).assign(
        trial_key=trials["trial_key"], baseline_key=trials["baseline_key"], kind=_kinds(trials)
    )
    return settings[[key not in left_out for key in trials["trial_key"]]]


def _kinds(trials: pd.DataFrame) -> "pd.Series[str]":
    """Return for each trial whether it is a baseline, a control or a pruned network."""
    kinds = pd.Series("pruned", index=trials.index)
    return kinds.mask(trials["structure"] == NONE, "control").mask(trials["iterations"] == 0, "baseline")


def _differing(theirs: pd.DataFrame, ours: pd.DataFrame) -> dict[str, Values]:
    """Return the columns of which two groups have no value in common, with the values of both."""
    values = {name: (_values(theirs[name]), _values(ours[name])) for name in MATCHED_COLUMNS}
    return {name: pair for name, pair in values.items() if not {*pair[0]} & {*pair[1]}}


def _values(column: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(column.fillna(_UNUSED).unique(), key=number_or_text))


def _without_unused(differing: Mapping[str, Values]) -> dict[str, Values]:
    """Return the columns in which groups differ, without those that one group does not use because of another one."""
    dependent = {name for axis in differing for name in USE_DEPENDS_ON_AXIS.get(axis, ())}
    return {name: values for name, values in differing.items() if name not in dependent or (_UNUSED,) not in values}


def _with_unused(
    theirs: pd.DataFrame, ours: pd.DataFrame, differing: Sequence[str], equal: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two groups, with a trial once for each value of a setting that it does not use because of a difference.

    Args:
        theirs: the settings of the reference, as ``_described`` returns them.
        ours: the settings of the other group.
        differing: the columns in which the groups differ.
        equal: the columns in which pairs are equal.
    """
    both = pd.concat([theirs.assign(is_ours=False), ours.assign(is_ours=True)], ignore_index=True)
    for name in (name for axis in differing for name in USE_DEPENDS_ON_AXIS.get(axis, ()) if name in equal):
        both = repeat_for_each_value(both, name)
    both = both.fillna(_UNUSED)
    return both[~both["is_ours"]], both[both["is_ours"]]


def _pair_columns(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``Pairing.pairs``, given the joined settings of both trials of each pair."""
    kinds = zip(pairs["kind"], pairs["kind_reference"], strict=True)
    columns = {
        "reference_key": pairs["trial_key_reference"],
        "trial_key": pairs["trial_key"],
        "networks": [kind if kind == other else f"{kind} against {other}" for kind, other in kinds],
        "baselines": pairs["baseline_key_reference"] + " " + pairs["baseline_key"],
    }
    return pd.DataFrame(columns).reset_index(drop=True)
