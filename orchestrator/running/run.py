"""Runs a sweep: plan, check, run on Ray, collect."""

import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

from rich.console import Console

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.plan import Plan, make_plan
from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity
from prunesweep.orchestrator.running.cluster.driver import run_plan
from prunesweep.orchestrator.running.cluster.packing import find_packing
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.orchestrator.running.reporter import Reporter, make_reporter
from prunesweep.orchestrator.timings import Estimate, estimate_plan
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.runs import Run, note_run
from prunesweep.sweeps.language import AUTO
from prunesweep.sweeps.reader import find_sweep, read_sweep


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

    def begin(found: Mapping[str, object]) -> None:
        opened.prepare()
        opened.save_sweep(read.name, yaml_text, {**about, **found})

    reporter = make_reporter(len(plan.to_run), console or Console())
    if not plan.to_run:
        begin({})
        opened.refresh_tables()
        return SweepRun(plan, opened, {}, reporter.made, 0)
    ran = _run(plan, opened, reporter, address, begin)
    opened.refresh_tables()
    left = [trial for trial in plan.again(opened).to_run if trial.key not in ran.failures]
    if not ran.failures and not left:
        _note_time(plan, opened, ran)
    return SweepRun(plan, opened, ran.failures, reporter.made, len(left))


@dataclass(frozen=True)
class _Ran:
    """``workers``: how many trials could run at once; ``seconds``: of wall time."""

    failures: dict[str, str]
    estimate: Estimate
    workers: int
    seconds: float


def _run(
    plan: Plan, store: Store, reporter: Reporter, address: str | None, begin: Callable[[Mapping[str, object]], None]
) -> _Ran:
    """Checks everything that can be checked, then begins to write and to run."""
    # torch is imported only where there is something to run.
    from prunesweep.workers.data.load import load_dataset
    from prunesweep.workers.preflight import check_trials

    data = load_dataset(plan.sweep.dataset)
    check_trials(plan.to_run, data)
    arrays = data.arrays()
    estimate = estimate_plan(plan, store)
    with ray_session(address, plan.sweep.resources):
        settled, found = _settle_gpu(plan, arrays, reporter)
        begin(found)
        workers = cluster_capacity(settled.sweep.resources)
        start = time.monotonic()
        with reporter.showing():
            failures = run_plan(settled, store, arrays, reporter, cost=estimate.cost)
        return _Ran(failures, estimate, workers, time.monotonic() - start)


def _settle_gpu(plan: Plan, data: Mapping[str, Any], reporter: Reporter) -> tuple[Plan, dict[str, object]]:
    """The plan with ``gpu: auto`` settled, and what the sweep's provenance says of that."""
    resources = plan.sweep.resources
    if resources.gpu != AUTO:
        return plan, {}
    packing = find_packing(plan, data)
    reporter.say(packing.line())
    settled = resources.model_copy(update={"gpu": packing.share})
    return replace(plan, sweep=plan.sweep.model_copy(update={"resources": settled})), {"packing": asdict(packing)}


def _note_time(plan: Plan, store: Store, ran: _Ran) -> None:
    """Keeps what was estimated beside what it took, where all of it had an estimate."""
    if ran.estimate.unknown or not ran.estimate.seconds or not ran.workers:
        return
    noted: Run = {
        "trials": len(plan.to_run),
        "workers": ran.workers,
        "estimated": ran.estimate.wall(ran.workers),
        "took": ran.seconds,
        "finished_at": time.time(),
    }
    with suppress(StoreError):  # the sweep is done; a note that is missing costs an estimate's error a figure
        note_run(store.objects, plan.sweep.name, noted)


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
