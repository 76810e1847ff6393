"""The sweeps that requested each trial, and the settings of trials whose documents lack their setting.

The setting is everything in a trial's key but the seed; older versions of prunesweep did not store it. Sweeps and
settings are derived from the record of the last run of each sweep, ``sweeps/NAME/run.json``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from pydantic import ValidationError

from prunesweep.results_store.documents import JsonObject
from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.objects import Objects
from prunesweep.results_store.rows import Row
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.setting import Setting, setting_of
from prunesweep.sweeps.tree import TrialTree, regrow_tree

# The keys of a sweep's ``dataset`` block that do not affect the training images.
_TEST_KEYS = frozenset({"test", "test_limit", "allow_overlap"})


class Origins:
    """The records of the last run of each sweep of a store.

    Attributes:
        digest: a hash of all records.
    """

    def __init__(self, objects: Objects) -> None:
        """Read the records of all sweeps, and ignore damaged records.

        ``StoreError`` is raised if the store cannot be read.

        Args:
            objects: the objects of the store.
        """
        self._texts = dict(_read_runs(objects))
        hashes = {name: hashlib.sha256(text).hexdigest() for name, text in self._texts.items()}
        self.digest = key_of("runs", hashes)

    @cached_property
    def _runs(self) -> dict[str, JsonObject]:
        """Return the undamaged records by the name of the sweep."""
        parsed = ((name, _parse(text)) for name, text in self._texts.items())
        return {name: run for name, run in parsed if run is not None}

    @cached_property
    def _sweeps(self) -> dict[str, str]:
        """Return, by trial key, the names of the sweeps that requested the trial, joined by commas."""
        names_by_trial: dict[str, list[str]] = {}
        for name, run in self._runs.items():
            for key in run["result_keys"]:
                names_by_trial.setdefault(key, []).append(name)
        return {key: ", ".join(names) for key, names in names_by_trial.items()}

    def sweeps_of(self, keys: Sequence[str]) -> list[str | None]:
        """Return, for each key, the names of the sweeps that requested the trial, joined by commas.

        It is None for a trial that no record names.
        """
        return [self._sweeps.get(key) for key in keys]

    def settings_of(self, rows: Sequence[Row]) -> dict[str, Setting]:
        """Return, by trial key, the settings of trials that older versions stored without their setting.

        A trial is left out if its setting cannot be derived from any record.

        Args:
            rows: the rows of these trials in the table ``trials``.
        """
        row_by_key = {row["trial_key"]: row for row in rows}
        settings: dict[str, Setting] = {}
        for name, run in self._runs.items():
            open_keys = run["result_keys"].keys() & row_by_key.keys() - settings.keys()
            if open_keys:
                with suppress(LookupError, TypeError, AttributeError):  # a damaged record is ignored
                    settings |= self._settings(name, run, {key: row_by_key[key] for key in open_keys})
        return settings

    def _settings(self, name: str, run: JsonObject, rows: Mapping[str, Row]) -> dict[str, Setting]:
        """Return, by trial key, the settings of trials that one run requested.

        The trial tree is rebuilt from the record of the run. A trial is left out if it is not in the rebuilt tree.

        Args:
            name: the name of the sweep.
            run: the record of its last run.
            rows: the rows of these trials in the table ``trials``, by trial key.
        """
        for fingerprints in self._possible_fingerprints(run):
            tree = _regrow(run, fingerprints["train"], fingerprints["weights"])
            if tree is not None and not tree.trials.keys().isdisjoint(rows):
                return {key: setting_of(tree.trials[key]) for key in rows if key in tree.trials}
        return _settings_without_fingerprints(name, run, rows)

    def _possible_fingerprints(self, run: JsonObject) -> Iterator[JsonObject]:
        """Yield the fingerprints that a run's data and weights may have had.

        Yields:
            The fingerprints in the run's own record. If it has none, the fingerprints in the records of other runs on
                the same training data.
        """
        if "fingerprints" in run:
            yield run["fingerprints"]
            return
        data = _training_data(run)
        others = (other for other in self._runs.values() if "fingerprints" in other)
        yield from (other["fingerprints"] for other in others if _training_data(other) == data)


def _settings_without_fingerprints(name: str, run: JsonObject, rows: Mapping[str, Row]) -> dict[str, Setting]:
    """Return, by trial key, the settings of trials of a run whose fingerprints are in no record.

    Each trial is found in the rebuilt trial tree by its data set, its seed and its values on the axes. Whether another
    sweep used the same data is unknown, so only trials of one sweep share a setting.

    Args:
        name: the name of the sweep.
        run: the record of its last run.
        rows: the rows of these trials in the table ``trials``, by trial key.
    """
    files = {"plain": run["settings"]["baseline"].get("weights"), **run["settings"]["baseline"].get("defences", {})}
    weights = {recipe: key_of("weights", file) for recipe, file in files.items() if file is not None}
    tree = _regrow(run, key_of("data of a sweep", name), weights)
    if tree is None:
        return {}
    unknown = {"train_fingerprint": None, "baseline_weights": None}
    trial_by_values = {tuple(trial.settings.values()): trial for trial in tree}
    columns = tuple(next(iter(tree)).settings)
    values_by_key = {key: tuple(row[column] for column in columns) for key, row in rows.items()}
    return {
        key: setting_of(trial_by_values[values]) | unknown
        for key, values in values_by_key.items()
        if values in trial_by_values
    }


def _regrow(run: JsonObject, train_fingerprint: str, weights_sha256: Mapping[str, str]) -> TrialTree | None:
    """Return the trial tree that a run's settings describe, or None if this version does not accept the settings."""
    try:
        return regrow_tree(run["settings"], train_fingerprint, weights_sha256)
    except (UserError, ValidationError, LookupError):
        return None


def _training_data(run: JsonObject) -> JsonObject:
    """Return the part of a run's ``dataset`` block that determines the training images."""
    return {name: value for name, value in run["settings"]["dataset"].items() if name not in _TEST_KEYS}


def _read_runs(objects: Objects) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each sweep with the text of the record of its last run."""
    for name in objects.folders("sweeps"):
        try:
            yield name, objects.get(f"sweeps/{name}/run.json")
        except NotStored:  # a run that ended before it had stored its record
            continue


def _parse(text: bytes) -> JsonObject | None:
    """Parse the text of a record, and return None if it is damaged."""
    try:
        run = json.loads(text)
    except ValueError:
        return None
    complete = isinstance(run, dict) and all(isinstance(run.get(block), dict) for block in ("result_keys", "settings"))
    return run if complete and {"dataset", "baseline"} <= run["settings"].keys() else None
