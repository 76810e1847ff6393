"""Runs a sweep in this process, without a cluster, and leaves in the store what a run by the command leaves."""

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.cost import epoch_cost
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.in_process import InProcessExecutor
from prunesweep.results_store import Store
from prunesweep.sweeps.language import Sweep
from prunesweep.workers import load_dataset


def run_here(sweep: Sweep, store: Store) -> dict[str, str]:
    """The keys of the sweep's trials by their labels without the seed, parents before children."""
    plan = make_plan(sweep, store)
    results = {trial.key: list(trial.result_keys) for trial in plan.tree}
    store.save_sweep(sweep.name, "", {"result_keys": results, "settings": sweep.model_dump(mode="json")})
    reporter = Reporter()
    failures = InProcessExecutor().run(plan, store, load_dataset(sweep.dataset), reporter, cost=epoch_cost)
    assert not failures
    store.refresh_tables()
    return {trial.describe().removesuffix(" seed 0"): trial.key for trial in plan.tree}
