"""Runs a sweep in this process, without a cluster, and leaves in the store what a run by the command leaves."""

from prunesweep.results_store import Store
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, run_trial


def run_here(sweep: Sweep, store: Store) -> dict[str, str]:
    """The keys of the sweep's trials by their labels without the seed, parents before children."""
    trials = list(grow_tree(sweep))
    results = {trial.key: list(trial.result_keys) for trial in trials}
    store.save_sweep(sweep.name, "", {"result_keys": results, "settings": sweep.model_dump(mode="json")})
    data = load_dataset(sweep.dataset)
    for trial in trials:
        run_trial(trial, store, data)
    store.refresh_tables()
    return {trial.label().removesuffix(" seed 0"): trial.key for trial in trials}
