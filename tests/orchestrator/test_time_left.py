"""The time that is left: the schedule's remaining chains with measured phases, against cases computed by hand."""

import time

import pytest

from prunesweep.orchestrator.planning.timings import TimedWorkload, Timings, workload_of
from prunesweep.orchestrator.progress.phase_times import PhaseSeconds, PhaseTimes
from prunesweep.orchestrator.progress.sweep_progress import SweepProgress, TrialProgress
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.orchestrator.running.time_left import simulate_time_left
from prunesweep.sweeps.events import EpochTrained, EvaluationStored, NetworkStored, WorkCounts
from prunesweep.sweeps.tree import TrialTree
from prunesweep.sweeps.trial import Trial
from tests.helpers.trees import only, tree_of

SWEEP = """
name: chains
dataset: {name: digits}
baseline: {epochs: 1}
adjustment: {epochs: 1}
axes: {architecture: resnet20, criterion: l1, iterations: [1, 2]}
attacks: {fgsm: {epsilons: [8/255]}}
"""


@pytest.fixture(scope="module")
def tree() -> TrialTree:
    """A baseline with two chains of two trials: pruned networks and controls."""
    return tree_of(SWEEP)


@pytest.fixture
def measured(tree: TrialTree) -> PhaseTimes:
    """Every trial takes 3 s before training, 2 s of training and 4 s of evaluation."""
    times = PhaseTimes(Timings())
    times.add_network(baseline_of(tree), seconds=5.0, training_seconds=2.0)
    times.add_evaluations(baseline_of(tree), 4.0)
    return times


def baseline_of(tree: TrialTree) -> Trial:
    return next(iter(tree))


# With two workers: the baseline runs from 0 to 9, and its network is stored at 5. Then the first trials of the chains
# run from 5 to 14 and from 9 to 18, and the second ones from 14 to 23 and from 18 to 27. The third worker is free at 9.
# It can run a second trial only from 10 to 19, when the network of the first is stored; the other one runs from 14.
@pytest.mark.parametrize(("workers", "seconds"), [(1, 45.0), (2, 27.0), (3, 23.0), (99, 19.0)])
def test_an_untouched_schedule(tree: TrialTree, measured: PhaseTimes, workers: int, seconds: float) -> None:
    schedule = Schedule(tree)
    assert simulate_time_left(schedule, [], measured, workers) == pytest.approx(seconds)
    assert schedule.take() is baseline_of(tree), "the schedule itself has not moved"


def test_a_trial_in_progress_counts_with_what_is_left_of_it(tree: TrialTree, measured: PhaseTimes) -> None:
    schedule = Schedule(tree)
    baseline = schedule.take()
    assert baseline is not None
    progress = TrialProgress(baseline, started=time.monotonic() - 9, working=time.monotonic() - 2)
    assert simulate_time_left(schedule, [progress], measured, 2) == pytest.approx(25.0, abs=0.1)
    progress.network_stored = time.monotonic() - 1
    schedule.mark_network_stored(baseline.key)
    assert simulate_time_left(schedule, [progress], measured, 1) == pytest.approx(3 + 4 * 9, abs=0.1)
    progress.network_stored = time.monotonic() - 100
    assert simulate_time_left(schedule, [progress], measured, 1) == pytest.approx(36.0, abs=0.1), "it is late"


def test_epochs_tell_how_far_a_training_is() -> None:
    tree = tree_of(SWEEP, "baseline.epochs=100", "control=false", "axes.iterations=0")
    times = PhaseTimes(Timings())
    baseline, schedule = baseline_of(tree), Schedule(tree)
    schedule.take()
    progress = TrialProgress(baseline, time.monotonic() - 500, epoch=50, epoch_time=time.monotonic() - 4)
    assert simulate_time_left(schedule, [progress], times, 1) is None, "nothing is measured yet"
    times.add_epochs(baseline, 10.0)
    assert simulate_time_left(schedule, [progress], times, 1) == pytest.approx(500 - 4, abs=0.1)


def test_siblings_wait_for_the_scores_of_one(measured: PhaseTimes) -> None:
    """Scores are stored at 8 by the first of two siblings; the other one starts then, and ends at 17."""
    tree = tree_of(SWEEP, "axes.adjustment=[fine_tune,scratch_e]", "control=false", "axes.iterations=1")
    assert simulate_time_left(Schedule(tree), [], measured, 9) == pytest.approx(17.0)


def test_what_a_run_has_not_measured_comes_from_the_store(tree: TrialTree) -> None:
    trial = only(tree, iterations=1, structure="filters")
    workload = workload_of(trial, 1)
    times = PhaseTimes(Timings([TimedWorkload(workload, training_seconds=7.0, other_seconds=9.0)]))
    assert times.estimate(trial) == PhaseSeconds(0.0, 7.0, 9.0)
    times.add_network(trial, seconds=4.0, training_seconds=3.0)
    times.add_evaluations(trial, 2.0)
    assert times.estimate(trial) == PhaseSeconds(1.0, 3.0, 2.0), "this run knows better"


def test_the_trials_that_others_wait_for(tree: TrialTree) -> None:
    schedule, baseline = Schedule(tree), baseline_of(tree)
    assert schedule.blockers() == [(baseline, 4)]
    schedule.mark_network_stored(baseline.key)
    assert [(trial.iterations, waiting) for trial, waiting in schedule.blockers()] == [(1, 1), (1, 1)]


def test_the_progress_counts_hours_used_and_saved(tree: TrialTree, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    progress = SweepProgress(total=len(tree), tree=tree)
    baseline, control = baseline_of(tree), only(tree, iterations=1, structure="none")
    for trial in (baseline, control):
        progress.start(trial)
        clock[0] += 5
        progress.update(trial, EpochTrained(1, 1, 0.5, 0.5))
        progress.update(trial, NetworkStored((), 10, 20, 2.0))
        clock[0] += 4
        progress.update(trial, EvaluationStored("clean", (0.5, 0.5, 0.5)))
        assert progress.finish(trial, WorkCounts(epochs=1)) == 9.0
    status = progress.status()
    assert (status["used_seconds"], status["epochs"], status["done"], status["waiting"]) == (18.0, 2, 2, 3)
    assert status["saved_seconds"] == 5.0, "alone, the control would have made its own baseline's network"
