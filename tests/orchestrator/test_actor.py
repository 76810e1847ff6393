"""The worker process: storage faults are tried again and leave no row, what fails in a trial is a row."""

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
    """A store of which the first ``faults`` results cannot be written."""

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
    """Runs the baseline's trial in an actor, without Ray around it; returns how it ended."""
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


def test_a_passing_storage_fault_leaves_no_trace(run: Callable[[Store], TrialEnd], tmp_path: Path) -> None:
    store = FaultyStore(str(tmp_path), faults=2)
    assert isinstance(run(store), TrialDone)
    assert store.table("trials")["error"].isna().all()


def test_a_lasting_storage_fault_says_what_it_is_and_leaves_no_row(
    run: Callable[[Store], TrialEnd], tmp_path: Path
) -> None:
    end = run(FaultyStore(str(tmp_path), faults=99))
    assert isinstance(end, TrialLost)
    assert "No space left on device" in end.error
    assert Store(str(tmp_path)).table("trials").empty


def test_what_fails_in_a_trial_is_a_row_that_keeps_what_was_made(
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


def never_runs(trial: Trial, store: Store, data: object, **_: object) -> WorkCounts:
    raise AssertionError("the trial was started")


def test_a_worker_that_is_ended_before_its_first_step_has_started_nothing(baseline: Trial, tmp_path: Path) -> None:
    """Tune starts a worker for a trial, and gives the trial to another that is free sooner."""
    data = load_dataset(parse_sweep(SWEEP).dataset).arrays()
    worker = TrialActor.__new__(TrialActor)
    trials = {baseline.key: baseline}
    worker.setup({"key": baseline.key}, trials, Store(str(tmp_path)), data, f"{__name__}:never_runs")
    threads = {thread.name for thread in threading.enumerate()}
    worker.cleanup()
    assert "trial" not in threads


class Knot:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


KNOTS: list[weakref.ref[Knot]] = []


def leaves_a_knot(trial: Trial, store: Store, data: object, **_: object) -> WorkCounts:
    KNOTS.append(weakref.ref(Knot()))
    return WorkCounts()


def test_between_trials_garbage_goes_and_the_rest_is_not_looked_at_again(baseline: Trial, tmp_path: Path) -> None:
    data = load_dataset(parse_sweep(SWEEP).dataset).arrays()
    worker = TrialActor.__new__(TrialActor)
    gc.disable()
    try:
        worker.setup(
            {"key": baseline.key}, {baseline.key: baseline}, Store(str(tmp_path)), data, f"{__name__}:leaves_a_knot"
        )
        assert worker.step()["done"]
        assert KNOTS[0]() is not None
        assert worker.reset_config({"key": baseline.key})
        assert KNOTS[0]() is None
        assert gc.get_freeze_count() > 10_000
        worker.cleanup()
    finally:
        gc.enable()
        gc.unfreeze()
