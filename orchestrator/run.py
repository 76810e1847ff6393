"""Runs a sweep: plan, check, run on Ray, collect."""

import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Console

from orchestrator import DEFAULT_STORE
from orchestrator.cluster.driver import run_plan
from orchestrator.cluster.session import ray_session
from orchestrator.plan import Plan, make_plan
from orchestrator.reporter import Reporter, make_reporter
from results_store import Store, StoreError
from sweeps.reader import find_sweep, read_sweep


@dataclass(frozen=True)
class SweepRun:
    """What a run of a sweep did.

    ``failures``: the errors of the trials that failed, by key; ``made``: counts of ``epochs`` trained, sets of
    ``scores`` and ``evaluations`` made by this run; ``unfinished``: how many trials an interruption left for the next.
    """

    plan: Plan
    store: Store
    failures: dict[str, str]
    made: Counter[str]
    unfinished: int


def run_sweep(
    sweep: str,
    *,
    store: str = DEFAULT_STORE,
    address: str | None = None,
    overrides: Sequence[str] = (),
    console: Console | None = None,
) -> SweepRun:
    """Runs what a sweep still needs on a store, and refreshes the store's tables.

    Args:
        sweep: the name of a built-in sweep, or a path to a sweep file.
        store: a folder or an fsspec URL.
        address: of a Ray cluster; None starts one on this machine and ends it at the end.
        overrides: ``dotted.key=value``, as ``--set`` takes them.
        console: where to report.

    Raises:
        UserError: something to put right, in one line; nothing was started and nothing written.
    """
    read = read_sweep(sweep, overrides)
    opened = Store(store)
    opened.check_writable()
    if opened.url.startswith("memory:"):
        raise StoreError(f"{opened.url}: workers do not share the driver's memory; name a folder or a bucket")
    plan = make_plan(read, opened)
    about = _about_run(plan, overrides)
    yaml_text = find_sweep(sweep).read_text(encoding="utf-8")

    def begin() -> None:
        opened.prepare()
        opened.save_sweep(read.name, yaml_text, about)

    reporter = make_reporter(len(plan.to_run), console or Console())
    failures: dict[str, str] = {}
    if plan.to_run:
        failures = _run(plan, opened, reporter, address, begin)
    else:
        begin()
    opened.refresh_tables()
    left = [trial for trial in plan.again(opened).to_run if trial.key not in failures]
    return SweepRun(plan, opened, failures, reporter.made, len(left))


def _run(
    plan: Plan, store: Store, reporter: Reporter, address: str | None, begin: Callable[[], None]
) -> dict[str, str]:
    """Checks everything that can be checked, then begins to write and to run."""
    # torch is imported only where there is something to run.
    from workers.data.load import load_dataset
    from workers.preflight import check_trials

    data = load_dataset(plan.sweep.dataset)
    check_trials(plan.to_run, data)
    with ray_session(address, plan.sweep.resources):
        begin()
        with reporter.showing():
            return run_plan(plan, store, data.arrays(), reporter)


def _about_run(plan: Plan, overrides: Sequence[str]) -> dict[str, object]:
    return {
        "overrides": list(overrides),
        "settings": plan.sweep.model_dump(mode="json"),
        "trials": list(plan.tree.trials),
        "asked": sorted(plan.tree.asked),
        "stored_before": sorted(plan.done),
        "result_keys": {trial.key: list(trial.result_keys) for trial in plan.tree},
        "started_at": time.time(),
        "prunesweep": version("prunesweep"),
        "python": platform.python_version(),
        "host": platform.node(),
    }
