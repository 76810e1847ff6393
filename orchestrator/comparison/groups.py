"""The groups of trials that a user names to compare: by a key, a condition or a sweep."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from prunesweep.orchestrator.query.candidates import eligible_trials
from prunesweep.orchestrator.query.columns import SETTING_KEY
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS, describe_network
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import UnknownTrial, trials_of
from prunesweep.results_store import Store
from prunesweep.results_store.image_scores import ImageScores
from prunesweep.sweeps.names import nearest_name
from prunesweep.sweeps.words import counted, listed

_KEY = re.compile(r"[0-9a-f]{4,32}")
_WORD = re.compile(r"[\w.+-]+")  # not a condition, which has an operator


@dataclass(frozen=True)
class TrialGroup:
    """Trials that are compared as a group.

    Attributes:
        text: how the user named them.
        trials: their rows of the table ``trials``, without failed ones.
        scores: their accuracies on each test image.
        is_sweep: whether they are the trials of a sweep.
    """

    text: str
    trials: pd.DataFrame
    scores: ImageScores
    is_sweep: bool = False

    @property
    def is_one_setting(self) -> bool:
        """Return whether the trials differ only in the seed, or there is only one."""
        keys = self.trials[SETTING_KEY]
        return len(self.trials) == 1 or bool(keys.notna().all() and keys.nunique() == 1)

    @property
    def description(self) -> str:
        """Return the trials in words, with a key that finds them again."""
        if self.is_sweep:
            return f"sweep {self.text}"
        if not self.is_one_setting:
            return self.text
        first = self.trials.iloc[0]
        if len(self.trials) == 1:
            return f"{first['trial_key'][:KEY_DIGITS]} {describe_network(first)}, seed {first['seed']}"
        seeds = counted(len(self.trials), "seed")
        return f"{first[SETTING_KEY][:KEY_DIGITS]} {describe_network(first)}, {seeds}"


class GroupFinder:
    """A finder of the groups of trials that a user names."""

    def __init__(self, store: Store, sweep: str | None, where: Sequence[str]) -> None:
        """Read the trials of a store.

        An unknown sweep raises ``UserError``, and a wrong condition ``SelectionError``.

        Args:
            store: the store.
            sweep: the sweep to which keys and conditions are restricted; None for all trials.
            where: conditions that the trials of every group must meet, too.
        """
        self._store = store
        self._trials = trials_of(store, sweep)
        self._scores = ImageScores(store, self._trials, sweep)
        self._filters = parse_filters(where, self._trials)

    def find(self, text: str) -> TrialGroup:
        """Return the trials that a user names, without those that failed.

        A condition that cannot be parsed raises ``SelectionError``.

        Args:
            text: the name of a sweep that ran on the store, else the key of a trial or of a setting or a beginning of
                it, else a condition on settings.

        Raises:
            UnknownTrial: there is no such sweep or key, or several keys have this beginning.
            SelectionError: no trial is left to compare.
        """
        named, scores, filters = self._trials, self._scores, self._filters
        is_sweep = text in self._store.sweep_names()
        if is_sweep:
            named = trials_of(self._store, text)
            scores = ImageScores(self._store, named, text)
        elif _KEY.fullmatch(text):
            named = self._with_key(text)
        elif _WORD.fullmatch(text):
            raise UnknownTrial(self._unknown_word(text))
        else:
            filters = [*filters, *parse_filters([text], named)]
        trials, left_out = eligible_trials(named, filters, ())
        if trials.empty:
            reasons = listed(f"{count} {reason}" for reason, count in left_out.items()) if left_out else "none exists"
            raise SelectionError(f"{text}: no trial to compare: {reasons}")
        return TrialGroup(text, trials, scores, is_sweep)

    def _with_key(self, beginning: str) -> pd.DataFrame:
        """Return the trial, or the trials of the setting, whose key begins with a text.

        Raises:
            UnknownTrial: no key begins with the text, or several do.
        """
        columns = [self._trials[name] for name in ("trial_key", SETTING_KEY)]
        masks = [column.str.startswith(beginning, na=False) for column in columns]
        found = sum(column[mask].nunique() for column, mask in zip(columns, masks, strict=True))
        if found == 1:
            return self._trials[masks[0] | masks[1]]
        if found:
            raise UnknownTrial(
                f"{beginning}: {found} keys of trials and settings of {self._store.url} begin with this; give more of "
                "the key"
            )
        raise UnknownTrial(
            f"{beginning}: no trial and no setting of {self._store.url} has this key; `prunesweep compare` shows keys"
        )

    def _unknown_word(self, text: str) -> str:
        sweeps = self._store.sweep_names()
        meant = nearest_name(text, sweeps)
        hint = f"did you mean {meant}? " if meant else ""
        return (
            f"{text}: neither a key, nor a condition, nor a sweep of {self._store.url}; {hint}Sweeps: "
            f"{', '.join(sweeps) or 'none'}"
        )
