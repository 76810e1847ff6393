"""The progress of a store's sweeps, and the failures of its trials."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.query.descriptions import dependents_note, describe_network
from prunesweep.orchestrator.query.run_states import run_state
from prunesweep.results_store import NotStored, Store, StoreError, StoreLike, existing_store
from prunesweep.results_store.sweep_status import SweepStatus, load_status


class SweepState(NamedTuple):
    """The progress of one sweep, in trials.

    Attributes:
        name: the name of the sweep.
        trials: number of trials of the sweep.
        done: number of trials whose results are all stored.
        failed: number of trials that are not done because they failed, or because a trial that they depend on failed.
        run: state of the sweep's latest run, as ``run_states.run_state`` returns it; empty if it is unknown, as for
            runs of older versions.
    """

    name: str
    trials: int
    done: int
    failed: int
    run: str = ""

    @property
    def to_run(self) -> int:
        """Return the number of trials that are neither done nor failed.

        The next run also tries the failed trials again.
        """
        return self.trials - self.done - self.failed


def sweep_states(store: StoreLike = DEFAULT_STORE, latest: Mapping[str, SweepStatus] | None = None) -> list[SweepState]:
    """Return the progress of each sweep that ran on a store.

    Args:
        store: a folder, an fsspec URL or an open store.
        latest: the status of each sweep's latest run, by the name of the sweep; None to read them from the store.

    Raises:
        StoreError: no sweep has run on the store.

    Example:
        >>> from prunesweep import sweep_states
        >>> sweep_states("store")
        [SweepState(name='golden', trials=3, done=3, failed=0, run='')]
    """
    store = existing_store(store)
    names = store.sweep_names()
    if not names:
        raise StoreError(f"{store.url}: no sweep has run on this store; start one with `prunesweep run`")
    latest = statuses(store) if latest is None else latest
    results = store.result_keys()
    trials = store.table("trials")
    failed = set(trials.loc[trials["error"].notna(), "trial_key"])
    states = []
    for name in names:
        with suppress(NotStored):  # a run that was killed before it stored the list of its trials
            result_keys: dict[str, list[str]] = store.load_sweep_run(name)["result_keys"]
            done = {trial for trial, keys in result_keys.items() if results.issuperset(keys)}
            run = run_state(latest[name]) if name in latest else ""
            states.append(SweepState(name, len(result_keys), len(done), len((failed & result_keys.keys()) - done), run))
    return states


def statuses(store: Store) -> dict[str, SweepStatus]:
    """Return the status of the latest run of each sweep that has one, by the sweep's name, without reading results."""
    found = {name: load_status(store.objects, name) for name in store.sweep_names()}
    return {name: status for name, status in found.items() if status is not None}


def failure_lines(store: Store) -> Iterator[str]:
    """Yield a line for each failed trial, with the number of trials that depend on it."""
    trials = store.table("trials")
    failed = trials[trials["error"].notna()]
    dependents = failed["failed_ancestor"].value_counts()
    # A dependent trial has no line of its own, unless its ancestor has run successfully since and so has none either.
    is_counted = failed["failed_ancestor"].isin(failed["trial_key"])
    for row in failed[~is_counted].to_dict("records"):
        note = dependents_note(int(dependents.get(row["trial_key"], 0)))
        yield f"failed: {row['trial_key']} {describe_network(row)} seed {row['seed']}{note}: {row['error']}"
