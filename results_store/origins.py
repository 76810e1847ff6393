"""Where trials come from: the sweeps that asked for them, and the settings of those that older versions stored.

Both are told by the last run of each sweep, ``sweeps/NAME/run.json``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from prunesweep.results_store.documents import JsonObject
from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.objects import Objects
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.setting import Setting, setting_of
from prunesweep.sweeps.tree import TrialTree, regrow_tree

Row = dict[str, Any]
# Of a data set's block, what says nothing of its training images.
_OF_TEST = frozenset({"test", "test_limit", "allow_overlap"})


class Origins:
    """The last run of each sweep of a store.

    Attributes:
        digest: changes with what the runs tell.
    """

    def __init__(self, objects: Objects) -> None:
        """Read the notes of all runs; one that is damaged tells nothing. Raises: StoreError."""
        self._texts = dict(_read(objects))
        hashes = {name: hashlib.sha256(text).hexdigest() for name, text in self._texts.items()}
        self.digest = key_of("runs", hashes)

    @cached_property
    def _runs(self) -> dict[str, JsonObject]:
        parsed = ((name, _parse(text)) for name, text in self._texts.items())
        return {name: run for name, run in parsed if run is not None}

    @cached_property
    def _sweeps(self) -> dict[str, str]:
        """The names of the sweeps that asked for a trial, by its key."""
        found: dict[str, list[str]] = {}
        for name, run in self._runs.items():
            for key in run["result_keys"]:
                found.setdefault(key, []).append(name)
        return {key: ", ".join(names) for key, names in found.items()}

    def sweeps_of(self, keys: Sequence[str]) -> list[str | None]:
        """Return the names of the sweeps that asked for each trial, None where none tells of it."""
        return [self._sweeps.get(key) for key in keys]

    def settings_of(self, rows: Sequence[Row]) -> dict[str, Setting]:
        """Return the settings of trials of older versions, by key, as far as a run still tells.

        Args:
            rows: of the table ``trials``.
        """
        sought = {row["trial_key"]: row for row in rows}
        found: dict[str, Setting] = {}
        for name, run in self._runs.items():
            open_keys = run["result_keys"].keys() & sought.keys() - found.keys()
            if open_keys:
                with suppress(LookupError, TypeError, AttributeError):  # damaged: it tells nothing
                    found |= self._settings(name, run, {key: sought[key] for key in open_keys})
        return found

    def _settings(self, name: str, run: JsonObject, sought: Mapping[str, Row]) -> dict[str, Setting]:
        """The settings of trials that one run asked for."""
        for fingerprints in self._fingerprints(run):
            tree = _regrown(run, fingerprints["train"], fingerprints["weights"])
            if tree is not None and not tree.trials.keys().isdisjoint(sought):
                return {key: setting_of(tree.trials[key]) for key in sought if key in tree.trials}
        return _settings_by_words(name, run, sought)

    def _fingerprints(self, run: JsonObject) -> Iterator[JsonObject]:
        """What a run's data and weights may have been: what it noted itself, else what others on that data noted."""
        if "fingerprints" in run:
            yield run["fingerprints"]
            return
        data = _training_data(run)
        others = (other for other in self._runs.values() if "fingerprints" in other)
        yield from (other["fingerprints"] for other in others if _training_data(other) == data)


def _settings_by_words(name: str, run: JsonObject, sought: Mapping[str, Row]) -> dict[str, Setting]:
    """The settings of trials whose data's fingerprint is not known: their places on the axes tell them apart.

    What another sweep's data held nobody knows, so that only trials of one sweep share a setting.
    """
    files = {"plain": run["settings"]["baseline"].get("weights"), **run["settings"]["baseline"].get("defences", {})}
    weights = {recipe: key_of("weights", file) for recipe, file in files.items() if file is not None}
    tree = _regrown(run, key_of("data of a sweep", name), weights)
    if tree is None:
        return {}
    unknown = {"train_fingerprint": None, "baseline_weights": None}
    of_place = {tuple(trial.settings.values()): trial for trial in tree}
    words = tuple(next(iter(tree)).settings)
    places = {key: tuple(row[word] for word in words) for key, row in sought.items()}
    return {key: setting_of(of_place[place]) | unknown for key, place in places.items() if place in of_place}


def _regrown(run: JsonObject, train_fingerprint: str, weights_sha256: Mapping[str, str]) -> TrialTree | None:
    """The tree of a run; None where its settings mean nothing to this version."""
    try:
        return regrow_tree(run["settings"], train_fingerprint, weights_sha256)
    except (UserError, ValidationError, LookupError):
        return None


def _training_data(run: JsonObject) -> JsonObject:
    return {name: value for name, value in run["settings"]["dataset"].items() if name not in _OF_TEST}


def _read(objects: Objects) -> Iterator[tuple[str, bytes]]:
    for name in objects.folders("sweeps"):
        try:
            yield name, objects.get(f"sweeps/{name}/run.json")
        except NotStored:  # a run that was ended before it had noted its trials
            continue


def _parse(text: bytes) -> JsonObject | None:
    try:
        run = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(run, dict) and all(isinstance(run.get(block), dict) for block in ("result_keys", "settings"))
    return run if whole and {"dataset", "baseline"} <= run["settings"].keys() else None
