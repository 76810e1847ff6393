"""Runs a sweep: plan, check, run, collect."""

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
from prunesweep.orchestrator.display.reporter import Reporter, make_reporter
from prunesweep.orchestrator.planning.plan import Plan, make_plan
from prunesweep.orchestrator.planning.timings import TimeEstimate, estimate_plan
from prunesweep.orchestrator.running.cluster.executor import ClusterExecutor
from prunesweep.orchestrator.running.dispatcher import Failure
from prunesweep.orchestrator.running.executor import Executor
from prunesweep.orchestrator.running.in_process import InProcessExecutor
from prunesweep.orchestrator.running.interruption import interruptible
from prunesweep.results_store import Store, StoreError, StoreLike, open_store
from prunesweep.results_store.run_times import RunTime, note_run_time
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import WorkCounts
from prunesweep.sweeps.language import AUTO
from prunesweep.sweeps.reader import SweepSource, read_sweep, sweep_text

if TYPE_CHECKING:
    from prunesweep.workers.data.dataset import Dataset

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepRun:
    """What a run of a sweep did.

    Attributes:
        plan: what there was to do.
        store: where the results are.
        failures: of the trials that failed, by key: the error, and the keys of those that fell with it.
        made: what this run made.
        unfinished: how many trials an interruption left for the next run.
        interrupted_by: the signal that asked for an end before all was done; None where none did.
    """

    plan: Plan
    store: Store
    failures: dict[str, Failure]
    made: WorkCounts
    unfinished: int
    interrupted_by: int | None = None

    @property
    def failed(self) -> int:
        """How many trials failed, and fell with those that did."""
        return sum(1 + len(failure.fallen) for failure in self.failures.values())


def run_sweep(
    sweep: SweepSource,
    *,
    store: StoreLike = DEFAULT_STORE,
    address: str | None = None,
    in_process: bool = False,
    overrides: Sequence[str] = (),
    console: Console | None = None,
) -> SweepRun:
    """Run what a sweep still needs on a store, and refresh the store's tables.

    Args:
        sweep: the name of a built-in sweep, the path of a sweep file, or a mapping of what such a file holds.
        store: a folder, an fsspec URL or an open store; with ``in_process``, ``memory://NAME`` too.
        address: of a Ray cluster; None starts one on this machine and ends it at the end.
        in_process: run one trial after another in this process, without Ray. Breakpoints work, and an error that
            nobody expected is raised.
        overrides: ``dotted.key=value``, as ``--set`` takes them.
        console: where to report.

    Returns:
        What was run, what failed, and the plan and the store.

    Raises:
        UserError: something to put right, in one line; nothing was started and nothing written.
        Interrupted: SIGINT, SIGTERM or SIGHUP asked for an end before anything ran.

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
        [1/1] resnet20 baseline seed 0: 1 epoch trained, 0 sets of scores, 2 evaluations, ... s
        >>> ran.made.epochs, ran.failures
        (1, {})
    """
    with interruptible() as interruption:
        ran = _run_sweep(sweep, store, address, in_process, overrides, console or Console())
    if not ran.unfinished:
        return ran
    return replace(ran, interrupted_by=interruption.signal or signal.SIGINT)


def _run_sweep(
    sweep: SweepSource,
    store: StoreLike,
    address: str | None,
    in_process: bool,
    overrides: Sequence[str],
    console: Console,
) -> SweepRun:
    opened = open_store(store)
    read = read_sweep(sweep, overrides)
    opened.check_writable()
    executor = _executor(opened, address, in_process)
    plan = make_plan(read, opened)
    about = _about_run(plan, overrides)
    yaml_text = sweep_text(sweep)

    def begin(found: Mapping[str, object]) -> None:
        opened.prepare()
        opened.save_sweep(read.name, yaml_text, {**about, **found})

    # A live view would draw over a debugger's prompt.
    reporter = (Reporter if in_process else make_reporter)(len(plan.tree), console, len(plan.done))
    if not plan.to_run:
        begin({})
        opened.refresh_tables()
        return SweepRun(plan, opened, {}, reporter.made, 0)
    ran = _run(plan, opened, reporter, executor, begin)
    opened.refresh_tables()
    if reporter.fault is not None:
        _log.warning("the sweep went on, but could not be shown: %s", reporter.fault)
    told = {key for failed, failure in ran.failures.items() for key in (failed, *failure.fallen)}
    left = [trial for trial in plan.again(opened).to_run if trial.key not in told]
    if not told and not left:
        _note_time(plan, opened, ran)
    return SweepRun(plan, opened, ran.failures, reporter.made, len(left))


def _executor(store: Store, address: str | None, in_process: bool) -> Executor:
    """Return what runs the trials. Raises: UserError where the options do not fit each other."""
    if in_process:
        if address is not None:
            raise UserError(f"--in-process runs without a cluster; leave out --address {address}, or --in-process")
        return InProcessExecutor()
    if store.url.startswith("memory:"):
        raise StoreError(
            f"{store.url}: workers do not share the driver's memory; name a folder or a bucket, or run --in-process"
        )
    return ClusterExecutor(address)


@dataclass(frozen=True)
class _ExecutorRun:
    """``workers``: how many trials could run at once; ``seconds``: of wall time."""

    failures: dict[str, Failure]
    estimate: TimeEstimate
    workers: int
    seconds: float


def _run(
    plan: Plan,
    store: Store,
    reporter: Reporter,
    executor: Executor,
    begin: Callable[[Mapping[str, object]], None],
) -> _ExecutorRun:
    """Check everything that can be checked, then begin to write and to run."""
    # torch is imported only where there is something to run.
    from prunesweep.workers.data.load import load_dataset
    from prunesweep.workers.preflight import check_trials

    data = load_dataset(plan.sweep.dataset)
    check_trials(plan.to_run, data, here=executor.is_here)
    for note in data.notes:
        reporter.say(note)
    estimate = estimate_plan(plan, store)
    with executor.session(plan.sweep.resources):
        settled, found = _settle_gpu(plan, data, executor, reporter)
        begin(found)
        workers = executor.capacity(settled.sweep.resources)
        start = time.monotonic()
        with reporter.showing():
            failures = executor.run(settled, store, data, reporter, cost=estimate.cost)
        return _ExecutorRun(failures, estimate, workers, time.monotonic() - start)


def _settle_gpu(plan: Plan, data: "Dataset", executor: Executor, reporter: Reporter) -> tuple[Plan, dict[str, object]]:
    """Return the plan with ``gpu: auto`` settled, and what the sweep's provenance says of that."""
    resources = plan.sweep.resources
    if resources.gpu != AUTO:
        return plan, {}
    packing = executor.find_packing(plan, data)
    reporter.say(packing.line())
    settled = resources.model_copy(update={"gpu": packing.share})
    return replace(plan, sweep=plan.sweep.model_copy(update={"resources": settled})), {"packing": asdict(packing)}


def _note_time(plan: Plan, store: Store, ran: _ExecutorRun) -> None:
    """Keeps what was estimated beside what it took, where all of it had an estimate."""
    if ran.estimate.unknown or not ran.estimate.seconds or not ran.workers:
        return
    noted: RunTime = {
        "trials": len(plan.to_run),
        "workers": ran.workers,
        "estimated": ran.estimate.wall(ran.workers),
        "took": ran.seconds,
        "finished_at": time.time(),
    }
    with suppress(StoreError):  # the sweep is done; a note that is missing costs an estimate's error a figure
        note_run_time(store.objects, plan.sweep.name, noted)


def _fingerprints(plan: Plan) -> dict[str, object]:
    """What the training images and the weights files hold: with the settings, the keys of all trials follow."""
    baselines = [trial for trial in plan.tree if trial.is_baseline]
    weights = {trial.recipe: trial.round.weights_sha256 for trial in baselines if trial.round.weights_sha256}
    return {"train": baselines[0].context.train_fingerprint, "weights": weights}


def _about_run(plan: Plan, overrides: Sequence[str]) -> dict[str, object]:
    return {
        "overrides": list(overrides),
        "settings": plan.sweep.model_dump(mode="json"),
        "trials": list(plan.tree.trials),
        "asked": sorted(plan.tree.asked),
        "stored_before": sorted(plan.done),
        "result_keys": {trial.key: list(trial.result_keys) for trial in plan.tree},
        "fingerprints": _fingerprints(plan),
        "started_at": time.time(),
        "prunesweep": version("prunesweep"),
        "python": platform.python_version(),
        "host": platform.node(),
    }
