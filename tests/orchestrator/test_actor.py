"""The worker process: storage faults are retried and leave no row; other errors in a trial become a row."""

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prunesweep.orchestrator.running import attempt
from prunesweep.orchestrator.running.cluster.actor import TrialActor
from prunesweep.orchestrator.running.cluster.driver import RUN_TRIAL
from prunesweep.results_store import Store
from prunesweep.sweeps.events import TrialDone, TrialEnd, TrialFailed, TrialLost, WorkCounts
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset
from prunesweep.workers.attacks import fgsm

SWEEP = """
name: actor
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 10}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 32}
axes: {architecture: resnet20, iterations: 0}
attacks: {fgsm: {}}
"""


class FaultyStore(Store):
    """A store to which the first ``faults`` results cannot be written."""

    def __init__(self, url: str, faults: int) -> None:
        super().__init__(url)
        self.faults = faults

    def save_result(self, result: Any) -> None:
        if self.faults > 0:
            self.faults -= 1
            raise OSError(28, "No space left on device")
        super().save_result(result)


@pytest.fixture
def baseline() -> Trial:
    return next(iter(grow_tree(parse_sweep(SWEEP))))


@pytest.fixture
def run(baseline: Trial, monkeypatch: pytest.MonkeyPatch) -> Callable[[Store], TrialEnd]:
    """Return a function that runs the baseline in an actor, without Ray, and returns how it ended."""
    monkeypatch.setattr(attempt, "PAUSES", (0.0, 0.0, 0.0))
    data = load_dataset(parse_sweep(SWEEP).dataset).arrays()

    def run(store: Store) -> TrialEnd:
        worker = TrialActor.__new__(TrialActor)
        worker.setup({"key": baseline.key}, {baseline.key: baseline}, store, data, RUN_TRIAL)
        result = worker.step()
        while not result["done"]:
            result = worker.step()
        worker.cleanup()
        end: TrialEnd = result["event"]
        return end

    return run


def test_a_temporary_storage_fault_leaves_no_trace(run: Callable[[Store], TrialEnd], tmp_path: Path) -> None:
    store = FaultyStore(str(tmp_path), faults=2)
    assert isinstance(run(store), TrialDone)
    assert store.table("trials")["error"].isna().all()


def test_a_permanent_storage_fault_is_named_and_leaves_no_row(run: Callable[[Store], TrialEnd], tmp_path: Path) -> None:
    end = run(FaultyStore(str(tmp_path), faults=99))
    assert isinstance(end, TrialLost)
    assert "No space left on device" in end.error
    assert Store(str(tmp_path)).table("trials").empty


def test_an_error_in_a_trial_becomes_a_row_that_keeps_the_results_before_it(
    run: Callable[[Store], TrialEnd], baseline: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(subject: object, settings: object) -> None:
        raise ZeroDivisionError("of\nno use")

    with monkeypatch.context() as patch:
        patch.setattr(fgsm, "fgsm", broken)
        end = run(Store(str(tmp_path)))
    assert end == TrialFailed("ZeroDivisionError: of no use", WorkCounts(epochs=1, evaluations=1))
    (row,) = Store(str(tmp_path)).table("trials").to_dict("records")
    assert row["error"] == end.error and 0 <= row["generalization"] <= 1
    assert run(Store(str(tmp_path))) == TrialDone(WorkCounts(evaluations=1))
    (row,) = Store(str(tmp_path)).table("trials").to_dict("records")
    assert row["error"] is None or row["error"] != row["error"], "a success replaces a failure"


def never_run(trial: Trial, store: Store, data: object, **_: object) -> WorkCounts:
    raise AssertionError("the trial was started")


def test_a_worker_that_ends_before_its_first_step_has_started_no_trial(baseline: Trial, tmp_path: Path) -> None:
    """Tune may start a worker for a trial and then give the trial to another worker that is free sooner."""
    data = load_dataset(parse_sweep(SWEEP).dataset).arrays()
    worker = TrialActor.__new__(TrialActor)
    trials = {baseline.key: baseline}
    worker.setup({"key": baseline.key}, trials, Store(str(tmp_path)), data, f"{__name__}:never_run")
    threads = {thread.name for thread in threading.enumerate()}
    worker.cleanup()
    assert "trial" not in threads


class ReferenceCycle:
    """An object that only the garbage collector can free."""

    def __init__(self) -> None:
        self.itself = self


CYCLES: list[weakref.ref[ReferenceCycle]] = []


def leave_a_cycle(trial: Trial, store: Store, data: object, **_: object) -> WorkCounts:
    CYCLES.append(weakref.ref(ReferenceCycle()))
    return WorkCounts()


def test_between_trials_garbage_is_freed_and_everything_else_is_frozen(baseline: Trial, tmp_path: Path) -> None:
    data = load_dataset(parse_sweep(SWEEP).dataset).arrays()
    worker = TrialActor.__new__(TrialActor)
    gc.disable()
    try:
        worker.setup(
            {"key": baseline.key}, {baseline.key: baseline}, Store(str(tmp_path)), data, f"{__name__}:leave_a_cycle"
        )
        assert worker.step()["done"]
        assert CYCLES[0]() is not None
        assert worker.reset_config({"key": baseline.key})
        assert CYCLES[0]() is None
        assert gc.get_freeze_count() > 10_000
        worker.cleanup()
    finally:
        gc.enable()
        gc.unfreeze()
