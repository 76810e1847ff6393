"""How far the sweeps of a store are."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.query.descriptions import describe_network, fell_with_it
from prunesweep.results_store import NotStored, Store, StoreError, StoreLike, existing_store


class SweepState(NamedTuple):
    """How far one sweep is: how many trials it has, and how many of them are done or failed."""

    name: str
    trials: int
    done: int
    failed: int

    @property
    def to_run(self) -> int:
        """How many trials have neither been done nor failed. A failed one is tried again when the sweep is run."""
        return self.trials - self.done - self.failed


def sweep_states(store: StoreLike = DEFAULT_STORE) -> list[SweepState]:
    """Return how far each sweep is that ran on a store.

    Args:
        store: a folder, an fsspec URL or an open store.

    Raises:
        StoreError: no sweep has run on it.

    Example:
        >>> from prunesweep import sweep_states
        >>> sweep_states("store")
        [SweepState(name='golden', trials=3, done=3, failed=0)]
    """
    store = existing_store(store)
    names = store.sweep_names()
    if not names:
        raise StoreError(f"{store.url}: no sweep has run on this store; start one with `prunesweep run`")
    results = store.result_keys()
    trials = store.table("trials")
    failed = set(trials.loc[trials["error"].notna(), "trial_key"])
    states = []
    for name in names:
        with suppress(NotStored):  # a run that was killed before it had noted its trials
            needs: dict[str, list[str]] = store.load_sweep_run(name)["result_keys"]
            done = {key for key, keys in needs.items() if results.issuperset(keys)}
            states.append(SweepState(name, len(needs), len(done), len((failed & needs.keys()) - done)))
    return states


def failures_of(store: Store) -> Iterator[str]:
    """A line for every failure, with the number of trials that fell with it."""
    trials = store.table("trials")
    failed = trials[trials["error"].notna()]
    fallen = failed["failed_ancestor"].value_counts()
    # Where the ancestor has been done since, nothing else tells of those that fell with it.
    told = failed["failed_ancestor"].isin(failed["trial_key"])
    for row in failed[~told].to_dict("records"):
        also = fell_with_it(int(fallen.get(row["trial_key"], 0)))
        yield f"failed: {row['trial_key']} {describe_network(row)} seed {row['seed']}{also}: {row['error']}"
