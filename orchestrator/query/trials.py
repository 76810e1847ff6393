"""Finding what a store holds: trials by key or by condition, and the images that they are attacked on."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from prunesweep.orchestrator.query.candidates import eligible_trials
from prunesweep.orchestrator.query.conditions import parse_filters
from prunesweep.results_store import NotStored, Store
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.language import AnyDatasetSettings
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.words import counted, listed

_KEY = re.compile(r"[0-9a-f]{4,32}")


class UnknownTrial(UserError):
    """No stored network, or more than one, fits what was asked for."""


def find_trial(store: Store, prefix: str) -> str:
    """The key of the one stored network whose key begins with ``prefix``.

    Raises:
        UnknownTrial: there is none, or more than one.
    """
    found = [key for key in store.network_keys() if key.startswith(prefix)] if prefix else []
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownTrial(
            f"{prefix}: {counted(len(found), 'network')} of {store.url} begin with this; give more of the key"
        )
    raise UnknownTrial(f"{prefix}: no network of {store.url} has this key; `prunesweep pareto` shows keys")


def choose_trials(store: Store, texts: Sequence[str]) -> list[str]:
    """Keys of stored networks: those named by key, and those that meet all conditions such as ``seed == 0``.

    Raises:
        UnknownTrial: a key names no stored network, or no trial meets the conditions.
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


def trial_rows(store: Store, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows of the table ``trials`` of these trials, by key; one read. Raises: UnknownTrial."""
    trials = store.table("trials")
    rows = trials[trials["trial_key"].isin(list(keys))].to_dict("records")
    found = {str(row["trial_key"]): {str(name): value for name, value in row.items()} for row in rows}
    for key in keys:
        if key not in found:
            raise UnknownTrial(f"{key}: {store.url} holds no result of this trial")
    return found


def dataset_of(store: Store, key: str) -> DatasetSettings:
    """The settings of the data set that a trial was last tested on, as a sweep file gave them.

    Raises:
        UnknownTrial: no sweep of the store tells of this trial.
    """
    return _dataset(_settings_of(store, key))


def threads_of(store: Store, key: str) -> int:
    """The number of threads that a trial computes with. Raises: UnknownTrial, as ``dataset_of``."""
    return int(_settings_of(store, key)["resources"]["cpu"])


def _settings_of(store: Store, key: str) -> dict[str, Any]:
    """The settings of the sweep that asked for a trial; of several, of one with the test images of the trial's row.

    Raises:
        UnknownTrial: there is none.
    """
    found = []
    for name in store.sweep_names():
        with suppress(NotStored):  # a run that was killed before it had noted its trials
            run = store.load_sweep_run(name)
            if key in run["result_keys"]:
                found.append(run["settings"])
    if not found:
        raise UnknownTrial(
            f"{key}: no sweep of {store.url} tells of this trial's data set; run its sweep on this store again"
        )
    first, *others = found
    if all(other["dataset"] == first["dataset"] for other in others):
        return dict(first)
    tested = trial_rows(store, [key])[key]["test_fingerprint"]
    return dict(next((settings for settings in found if _test_fingerprint(settings) == tested), first))


def _dataset(settings: Mapping[str, Any]) -> DatasetSettings:
    dataset: DatasetSettings = TypeAdapter(AnyDatasetSettings).validate_python(settings["dataset"])
    return dataset


def _test_fingerprint(settings: Mapping[str, Any]) -> str | None:
    """None where the images are not there any more."""
    try:
        return data_fingerprints(_dataset(settings)).test
    except UserError:
        return None


def trials_of(store: Store, sweep: str | None) -> pd.DataFrame:
    """The trials of a store as they were last attacked, or of one sweep as that sweep attacks them."""
    if sweep is None:
        return store.table("trials")
    try:
        return store.table_of_sweep("trials", sweep)
    except NotStored:
        raise UserError(unknown_name(sweep, f"a sweep of {store.url}", store.sweep_names())) from None
