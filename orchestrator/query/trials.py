"""Finds the trials of a store by key or condition, and looks up the data set that each trial is tested on."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from prunesweep.orchestrator.query.candidates import eligible_trials
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.results_store import NotStored, Store
from prunesweep.results_store.documents import JsonObject
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.language import AnyDatasetSettings
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.words import counted, listed

_KEY = re.compile(r"[0-9a-f]{4,32}")


class UnknownTrial(UserError):
    """A key or condition for which a store has no trial, or a beginning of a key that is not unique."""


def find_trial(store: Store, prefix: str) -> str:
    """Return the key of the stored network whose key begins with a prefix.

    Args:
        store: the store to search.
        prefix: the whole key or the beginning of it.

    Raises:
        UnknownTrial: no stored key begins with the prefix, or more than one does.
    """
    found = [key for key in store.network_keys() if key.startswith(prefix)] if prefix else []
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownTrial(
            f"{prefix}: {counted(len(found), 'network')} of {store.url} begin with this; give more of the key"
        )
    raise UnknownTrial(f"{prefix}: no network of {store.url} has this key; `prunesweep pareto` shows keys")


def find_key(keys: Iterable[str], prefix: str, url: str) -> str:
    """Return the key of the trial whose key begins with a prefix; unlike ``find_trial``, it finds failed trials too.

    Args:
        keys: the keys of all trials of a store.
        prefix: the whole key or the beginning of it.
        url: the store's URL, for the message.

    Raises:
        UnknownTrial: no key begins with the prefix, or more than one does.
    """
    found = [key for key in keys if key.startswith(prefix)] if prefix else []
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownTrial(f"{prefix}: {counted(len(found), 'trial')} of {url} begin with this; give more of the key")
    raise UnknownTrial(
        f"{prefix}: no trial of {url} has this key; `prunesweep pareto` and `prunesweep status` show keys"
    )


def rows_as_dicts(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries, nulls as None."""
    values = trials.astype(object)
    return [
        {str(name): value for name, value in row.items()}
        for row in values.where(values.notna(), None).to_dict("records")
    ]


def choose_trials(store: Store, texts: Sequence[str]) -> list[str]:
    """Return the keys of the trials that are named by key, and of those that meet all conditions.

    ``UnknownTrial`` is also raised if the beginning of a key matches no stored network, or several.

    Args:
        store: the store to search.
        texts: keys or beginnings of keys (4 to 32 hexadecimal digits) of stored networks, and conditions such as
            ``seed == 0``. Trials that failed do not count as meeting conditions.

    Returns:
        The keys without repetition: first the keys of the trials that ``texts`` name, in their order, then the keys of
        those that meet the conditions.

    Raises:
        UnknownTrial: no key is given, and no trial meets the conditions.
    """
    keys = [find_trial(store, text) for text in texts if _KEY.fullmatch(text)]
    conditions = [text for text in texts if not _KEY.fullmatch(text)]
    if conditions:
        trials = store.table("trials")
        meeting, _ = eligible_trials(trials, parse_filters(conditions, trials), ())
        keys += [str(key) for key in meeting["trial_key"]]
    if not keys:
        raise UnknownTrial(
            f"{store.url}: no trial meets {listed(conditions) if conditions else 'an empty list of keys'}"
        )
    return list(dict.fromkeys(keys))


@dataclass(frozen=True)
class StoredTrial:
    """A stored trial, with the data set and the number of threads that are needed to attack its network again.

    Attributes:
        key: the trial's key, which names its network.
        row: the trial's row of the table ``trials``, nulls as None.
        dataset: the data set that the trial was last tested on, as a sweep file describes it.
        threads: the number of threads that the trial computes with.
    """

    key: str
    row: dict[str, Any]
    dataset: DatasetSettings
    threads: int


def stored_trials(store: Store, keys: Collection[str]) -> dict[str, StoredTrial]:
    """Return these trials by key, in the order of ``keys``.

    The table ``trials`` and the record of each sweep are read once.

    Raises:
        UnknownTrial: the store has no result of a trial, or no record of a sweep with the trial, which is needed to
            know the trial's data set.
    """
    rows = _rows(store, keys)
    runs = _sweep_runs(store)
    trials = {}
    for key in dict.fromkeys(keys):
        asked_by = [run["settings"] for run in runs if key in run["result_keys"]]
        if not asked_by:
            raise UnknownTrial(
                f"{key}: no sweep of {store.url} tells of this trial's data set; run its sweep on this store again"
            )
        settings = _tested_on(asked_by, rows[key]["test_fingerprint"])
        trials[key] = StoredTrial(key, rows[key], _dataset(settings), int(settings["resources"]["cpu"]))
    return trials


def _rows(store: Store, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of the table ``trials`` of these trials, by key.

    Raises:
        UnknownTrial: the store holds no result of a trial.
    """
    trials = store.table("trials")
    rows = {row["trial_key"]: row for row in rows_as_dicts(trials[trials["trial_key"].isin(list(keys))])}
    for key in keys:
        if key not in rows:
            raise UnknownTrial(f"{key}: {store.url} holds no result of this trial")
    return {key: rows[key] for key in keys}


def _sweep_runs(store: Store) -> list[JsonObject]:
    """Return the record of the last run of each sweep.

    A sweep has none if its only run was killed before it had stored the list of its trials.
    """
    runs = []
    for name in store.sweep_names():
        with suppress(NotStored):
            runs.append(store.load_sweep_run(name))
    return runs


def _tested_on(settings: Sequence[dict[str, Any]], test_fingerprint: str | None) -> dict[str, Any]:
    """Return the first of several sweeps' settings whose test images have the fingerprint.

    The first settings are returned if no test images have the fingerprint, or if all settings name the same data set.
    """
    first, *others = settings
    if all(other["dataset"] == first["dataset"] for other in others):
        return first
    return next((each for each in settings if _test_fingerprint(each) == test_fingerprint), first)


def _dataset(settings: Mapping[str, Any]) -> DatasetSettings:
    dataset: DatasetSettings = TypeAdapter(AnyDatasetSettings).validate_python(settings["dataset"])
    return dataset


def _test_fingerprint(settings: Mapping[str, Any]) -> str | None:
    """Return the fingerprint of the test images that a sweep's settings name, or None if they can no longer be read."""
    try:
        return data_fingerprints(_dataset(settings)).test
    except UserError:
        return None


def trials_of(store: Store, sweep: str | None) -> pd.DataFrame:
    """Return the table ``trials`` with each trial's latest evaluations, or with those that one sweep requested.

    If no sweep of this name ran on the store, ``UserError`` is raised.

    Args:
        store: the store to read.
        sweep: the name of a sweep that ran on the store; None for all trials.
    """
    return table_of(store, "trials", sweep)


def table_of(store: Store, table: str, sweep: str | None) -> pd.DataFrame:
    """Return a table of a store, or what it would be if the store contained only the results that one sweep requested.

    Args:
        store: the store to read.
        table: one of ``schema.TABLES``.
        sweep: the name of a sweep that ran on the store; None for all results.

    Raises:
        UserError: no sweep of this name ran on the store.
    """
    if sweep is None:
        return store.table(table)
    try:
        return store.table_of_sweep(table, sweep)
    except NotStored:
        raise UserError(unknown_name(sweep, f"a sweep of {store.url}", store.sweep_names())) from None
