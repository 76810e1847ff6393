"""Running a sweep: plan it, check it, run its trials, and refresh the store's tables."""

import logging
import platform
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.display.reporting.choice import make_reporter
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.plan import Plan, make_plan
from prunesweep.orchestrator.planning.timings import TimeEstimate, estimate_plan
from prunesweep.orchestrator.progress.beginning import progress_of
from prunesweep.orchestrator.running.cluster.executor import ClusterExecutor
from prunesweep.orchestrator.running.dispatcher import Failure
from prunesweep.orchestrator.running.executor import Executor
from prunesweep.orchestrator.running.heartbeat import showing_signs_of_life
from prunesweep.orchestrator.running.in_process import InProcessExecutor
from prunesweep.orchestrator.running.interruption import interruptible
from prunesweep.results_store import Store, StoreError, StoreLike, open_store
from prunesweep.results_store.run_times import RunTime, save_run_time
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import WorkCounts
from prunesweep.sweeps.language import AUTO
from prunesweep.sweeps.reader import SweepSource, read_sweep, sweep_text

if TYPE_CHECKING:
    from prunesweep.workers.data.dataset import Dataset

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepRun:
    """The outcome of one run of a sweep.

    Attributes:
        plan: the plan that was run.
        store: where the results are.
        failures: the error and the dependents of each trial that failed or was lost, by the key of the trial.
        work: how many epochs were trained, sets of scores computed and evaluations made in this run.
        unfinished: the number of trials that an interruption left for the next run.
        interrupted_by: the signal that interrupted the run before all trials were done; None if there was none.
    """

    plan: Plan
    store: Store
    failures: dict[str, Failure]
    work: WorkCounts
    unfinished: int
    interrupted_by: int | None = None

    @property
    def failed(self) -> int:
        """Return the number of trials that failed or were lost, plus the dependents that could not run."""
        return sum(1 + len(failure.dependents) for failure in self.failures.values())


def run_sweep(
    sweep: SweepSource,
    *,
    store: StoreLike = DEFAULT_STORE,
    address: str | None = None,
    in_process: bool = False,
    overrides: Sequence[str] = (),
    console: Console | None = None,
    reporter: Reporter | None = None,
) -> SweepRun:
    """Run the trials of a sweep that are not done on a store, and refresh the store's tables.

    A mistake in the arguments or in the sweep raises ``UserError``, with one line that says what to correct, before any
    trial runs and before anything is written. SIGINT, SIGTERM or SIGHUP raises ``Interrupted`` if it arrives before any
    trial runs.

    Args:
        sweep: the name of a built-in sweep, the path of a sweep file, or a mapping with the content of such a file.
        store: a folder, an fsspec URL or an open store; with ``in_process`` also ``memory://NAME``.
        address: the address of a Ray cluster; None starts one on this machine and ends it at the end.
        in_process: whether to run one trial after another in this process, without Ray. Then breakpoints work, and an
            unexpected error is raised.
        overrides: values that replace those of the sweep, each as ``dotted.key=value``, like the option ``--set``.
        console: the console on which progress is reported in plain lines, or in a live view if it is a terminal; None
            for standard output. In this process there is no live view, which would draw over a debugger's prompt.
        reporter: what reports the progress instead, as ``display.reporting.choice.make_reporter`` returns it.

    Returns:
        The plan, the store, the work of this run and its failures.

    Example:
        >>> from prunesweep import run_sweep
        >>> sweep = {
        ...     "name": "smallest",
        ...     "dataset": {"name": "digits", "train_limit": 64, "test_limit": 32},
        ...     "baseline": {"epochs": 1},
        ...     "axes": {"architecture": "resnet20", "iterations": 0},
        ...     "attacks": {"fgsm": {"epsilons": ["8/255"]}},
        ... }
        >>> ran = run_sweep(sweep, store="memory://smallest", in_process=True)
        20...  comparing the sweep with the store
        20...  reading the images of digits
        20...  checking what the trials need
        20...  preparing this process
        20...  [1/1] resnet20 baseline seed 0: generalization ..., robustness ..., 20.28 M FLOPs; 1 epoch, ... s
        20...  refreshing the tables
        >>> ran.work.epochs, ran.failures
        (1, {})
    """
    if reporter is None:
        reporter = make_reporter(console or Console(), "plain" if in_process else "auto")
    with interruptible() as interruption, reporter.showing():
        ran = _run_sweep(sweep, store, address, in_process, overrides, reporter)
    if reporter.fault is not None:
        _log.warning("the sweep ran on, but its progress could not be displayed: %s", reporter.fault)
    if not ran.unfinished:
        return ran
    return replace(ran, interrupted_by=interruption.signal or signal.SIGINT)


def _run_sweep(
    sweep: SweepSource,
    store: StoreLike,
    address: str | None,
    in_process: bool,
    overrides: Sequence[str],
    reporter: Reporter,
) -> SweepRun:
    """Run a sweep as ``run_sweep`` does, without the handling of signals."""
    reporter.step("comparing the sweep with the store")
    opened = open_store(store)
    parsed = read_sweep(sweep, overrides)
    opened.check_writable()
    executor = _choose_executor(opened, address, in_process, reporter.is_verbose)
    plan = make_plan(parsed, opened)
    provenance = _provenance(plan, overrides)
    yaml_text = sweep_text(sweep)

    def begin(packing_provenance: Mapping[str, object]) -> None:
        opened.prepare()
        opened.save_sweep(parsed.name, yaml_text, {**provenance, **packing_provenance})

    if not plan.to_run:
        begin({})
        opened.refresh_tables()
        return SweepRun(plan, opened, {}, reporter.work, 0)
    ran = _run_plan(plan, opened, reporter, executor, begin)
    reporter.step("refreshing the tables")
    opened.refresh_tables()
    not_done = {key for failed, failure in ran.failures.items() for key in (failed, *failure.dependents)}
    unfinished = [trial for trial in plan.reloaded(opened).to_run if trial.key not in not_done]
    if not not_done and not unfinished:
        _store_run_time(plan, opened, ran)
    return SweepRun(plan, opened, ran.failures, reporter.work, len(unfinished))


def _choose_executor(store: Store, address: str | None, in_process: bool, verbose: bool) -> Executor:
    """Return the executor that the options ask for.

    Raises:
        UserError: ``in_process`` is combined with an address.
        StoreError: the store is in the memory of this process, and the trials are to run on a cluster.
    """
    if in_process:
        if address is not None:
            raise UserError(f"--in-process runs without a cluster; leave out --address {address}, or --in-process")
        return InProcessExecutor()
    if store.url.startswith("memory:"):
        raise StoreError(
            f"{store.url}: workers do not share the driver's memory; name a folder or a bucket, or run --in-process"
        )
    return ClusterExecutor(address, verbose)


@dataclass(frozen=True)
class _ExecutorRun:
    """The outcome of an executor's run of a plan.

    Attributes:
        failures: the failure of each trial that failed or was lost, by the key of the trial.
        estimate: the estimated durations of the trials, from before the run.
        workers: how many trials could run at once.
        seconds: the wall time of the run.
    """

    failures: dict[str, Failure]
    estimate: TimeEstimate
    workers: int
    seconds: float


def _run_plan(
    plan: Plan,
    store: Store,
    reporter: Reporter,
    executor: Executor,
    begin: Callable[[Mapping[str, object]], None],
) -> _ExecutorRun:
    """Run a plan, after checking everything that can be checked before anything is written.

    Args:
        plan: has at least one trial to run.
        store: where results are stored.
        reporter: is notified of every start, event and end of a trial.
        executor: runs the trials.
        begin: prepares the store and stores the sweep's provenance (the record of how the run was started); takes the
            entries of the provenance about the packing (how many trials share a GPU).
    """
    # These import torch, which only a plan with trials to run needs.
    from prunesweep.workers.data.load import load_dataset
    from prunesweep.workers.preflight import check_trials

    estimate = estimate_plan(plan, store)
    reporter.follow(progress_of(plan, store, estimate))
    reporter.step(f"reading the images of {plan.sweep.dataset.name}")
    data = load_dataset(plan.sweep.dataset)
    reporter.step("checking what the trials need")
    check_trials(plan.to_run, data, on_this_machine=executor.is_here)
    for note in data.notes:
        reporter.say(note)
    reporter.step(executor.start_text)
    with executor.session(plan.sweep.resources):
        plan_with_gpu, packing_provenance = _choose_gpu_share(plan, data, executor, reporter)
        begin(packing_provenance)
        resources = plan_with_gpu.sweep.resources
        workers = executor.capacity(resources)
        reporter.progress.resources, reporter.progress.workers = resources, workers
        reporter.step("starting the workers")
        start = time.monotonic()
        with showing_signs_of_life(store, reporter):
            failures = executor.run(plan_with_gpu, store, data, reporter, cost=estimate.cost)
        return _ExecutorRun(failures, estimate, workers, time.monotonic() - start)


def _choose_gpu_share(
    plan: Plan, data: "Dataset", executor: Executor, reporter: Reporter
) -> tuple[Plan, dict[str, object]]:
    """Return the plan with ``gpu: auto`` replaced by a number, and the provenance's entries about the choice.

    If the sweep gives a number itself, the plan is returned unchanged, and there are no entries.
    """
    resources = plan.sweep.resources
    if resources.gpu != AUTO:
        return plan, {}
    reporter.step("gpu: auto: measuring how many trials should share a GPU")
    packing = executor.find_packing(plan, data)
    reporter.say(packing.describe())
    chosen = resources.model_copy(update={"gpu": packing.share})
    return replace(plan, sweep=plan.sweep.model_copy(update={"resources": chosen})), {"packing": asdict(packing)}


def _store_run_time(plan: Plan, store: Store, ran: _ExecutorRun) -> None:
    """Store the estimated and the actual duration of a run, if every trial had an estimate."""
    if ran.estimate.untimed or not ran.estimate.seconds or not ran.workers:
        return
    run_time: RunTime = {
        "trials": len(plan.to_run),
        "workers": ran.workers,
        "estimated": ran.estimate.wall_seconds(ran.workers),
        "took": ran.seconds,
        "finished_at": time.time(),
    }
    with suppress(StoreError):  # the sweep is done; only the reported error of estimates needs this
        save_run_time(store.objects, plan.sweep.name, run_time)


def _fingerprints(plan: Plan) -> dict[str, object]:
    """Return the fingerprints of the training images and the weights files.

    Together with the sweep's settings they determine the keys of all its trials.
    """
    baselines = [trial for trial in plan.tree if trial.is_baseline]
    weights = {trial.recipe: trial.round.weights_sha256 for trial in baselines if trial.round.weights_sha256}
    return {"train": baselines[0].context.train_fingerprint, "weights": weights}


def _provenance(plan: Plan, overrides: Sequence[str]) -> dict[str, object]:
    """Return the record of a run (settings, trials, versions, machine) for ``sweeps/NAME/run.json``."""
    return {
        "overrides": list(overrides),
        "settings": plan.sweep.model_dump(mode="json"),
        "trials": list(plan.tree.trials),
        "asked": sorted(plan.tree.requested),
        "stored_before": sorted(plan.done),
        "result_keys": {trial.key: list(trial.result_keys) for trial in plan.tree},
        "fingerprints": _fingerprints(plan),
        "started_at": time.time(),
        "prunesweep": version("prunesweep"),
        "python": platform.python_version(),
        "host": platform.node(),
    }
