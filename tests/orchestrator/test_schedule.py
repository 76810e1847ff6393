"""The schedule: parents first, longest chain first, shared work done once, failures passed to descendants."""

import random

import pytest

from prunesweep.orchestrator.planning.capacity import node_capacity
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree
from prunesweep.sweeps.trial import Trial, snapshot_key

SWEEP = """
name: schedule
dataset: {name: digits}
baseline: {epochs: 4}
adjustment: {epochs: 1, rewind_epoch: 1}
axes:
  architecture: [resnet20, resnet32]
  structure: [filters, layers, both]
  criterion: [l1, pls]
  adjustment: [fine_tune, scratch_e, winning_ticket]
  iterations: [1, 2, 3]
"""


@pytest.fixture(scope="module")
def tree() -> TrialTree:
    return grow_tree(parse_sweep(SWEEP))


def run_all(schedule: Schedule, tree: TrialTree, workers: int, seed: int = 0) -> list[str]:
    """Run a schedule to its end with trials ending in random order, check its rules at every step, return the order."""
    chance = random.Random(seed)
    running: dict[str, Trial] = {}
    stored: set[str] = set()
    shared: set[str] = set()
    order = []
    while not schedule.is_over:
        while len(running) < workers and (trial := schedule.take()):
            assert trial.parent is None or trial.parent.key in stored
            in_progress = {key for other in running.values() for key in other.shared_keys if key not in shared}
            assert not in_progress & set(trial.shared_keys), "two workers compute the same scores"
            running[trial.key] = trial
            order.append(trial.key)
        assert running, "nothing runs and nothing is ready: the schedule is stuck"
        key = chance.choice(sorted(running))
        trial = running[key]
        if not shared.issuperset(trial.shared_keys) and chance.random() < 0.5:
            schedule.mark_shared_stored(key)
            shared.update(trial.shared_keys)
            continue
        schedule.mark_done(key)
        shared.update(trial.shared_keys, (snapshot_key(trial, epoch) for epoch in trial.snapshot_epochs))
        stored.add(key)
        del running[key]
    return order


@pytest.mark.parametrize("workers", [1, 2, 7, 100])
def test_every_trial_runs_once_whatever_the_number_of_workers(tree: TrialTree, workers: int) -> None:
    order = run_all(Schedule(tree), tree, workers, seed=workers)
    assert sorted(order) == sorted(tree.trials)


def test_trials_that_are_done_are_not_handed_out(tree: TrialTree) -> None:
    done = set(list(tree.trials)[:10])
    order = run_all_from(tree, done)
    assert not done & set(order)
    assert len(order) == len(tree) - 10


def run_all_from(tree: TrialTree, done: set[str]) -> list[str]:
    schedule, order = Schedule(tree, done=done), []
    while trial := schedule.take():
        order.append(trial.key)
        schedule.mark_done(trial.key)
    return order


def test_the_longest_remaining_chain_goes_first(tree: TrialTree) -> None:
    schedule = Schedule(tree)
    baseline = schedule.take()
    assert baseline is not None
    schedule.mark_done(baseline.key)
    second = schedule.take()
    assert second is not None and second.is_baseline, "the other baseline's chain is longer than any chain below it"
    schedule.mark_done(second.key)
    first_round = schedule.take()
    assert first_round is not None
    assert first_round.adjustment == "scratch_e", "three rounds of four epochs: the longest chain"


def test_children_start_when_the_network_is_stored_before_its_attacks_end(tree: TrialTree) -> None:
    schedule = Schedule(tree)
    baselines = [schedule.take(), schedule.take()]
    assert schedule.take() is None
    assert baselines[0] is not None
    schedule.mark_network_stored(baselines[0].key)
    child = schedule.take()
    assert child is not None and child.parent is baselines[0]


def test_a_failure_is_passed_to_descendants_and_the_other_trials_run(tree: TrialTree) -> None:
    schedule = Schedule(tree)
    failing = schedule.take()
    assert failing is not None and failing.is_baseline
    lost = schedule.mark_failed(failing.key)
    assert {trial.key for trial in lost} == {t.key for t in tree if t.baseline is failing and t is not failing}
    remaining = run_all(schedule, tree, workers=2)
    assert len(remaining) == len(tree) - len(lost) - 1


def test_a_failure_after_the_network_was_stored_stops_no_descendant(tree: TrialTree) -> None:
    schedule = Schedule(tree)
    trial = schedule.take()
    assert trial is not None
    schedule.mark_network_stored(trial.key)
    assert schedule.mark_failed(trial.key) == []


def test_a_stored_network_does_not_depend_on_its_ancestors(tree: TrialTree) -> None:
    third = next(trial for trial in tree if trial.iterations == 3)
    second = third.parent
    assert second is not None and second.parent is not None
    schedule = Schedule(tree, networks=[second.key])
    taken = {trial.key for trial in iter(schedule.take, None)}
    assert {second.key, third.key, second.baseline.key} <= taken
    lost = {trial.key for trial in schedule.mark_failed(second.baseline.key)}
    assert second.parent.key in lost
    assert not {second.key, third.key} & lost


@pytest.mark.parametrize("trained_before", [False, True])
def test_winning_tickets_wait_for_a_snapshot_only_if_the_baseline_did_not_store_it(trained_before: bool) -> None:
    overrides = ["axes.architecture=resnet20", "axes.structure=filters", "axes.adjustment=winning_ticket"]
    tree = grow_tree(parse_sweep(SWEEP, [*overrides, "axes.iterations=1", "control=false"]))
    baseline, *tickets = tree
    schedule = Schedule(tree, networks=[baseline.key] if trained_before else [])
    schedule.take()
    schedule.mark_done(baseline.key)
    at_once = list(iter(schedule.take, None))
    assert len(tickets) == 2
    assert at_once == (tickets[:1] if trained_before else tickets)


def test_another_sibling_computes_the_scores_if_the_first_fails(tree: TrialTree) -> None:
    schedule = Schedule(tree)
    for baseline in (schedule.take(), schedule.take()):
        assert baseline is not None
        schedule.mark_done(baseline.key)
    taken: list[Trial] = []
    while trial := schedule.take():
        taken.append(trial)
    first = next(trial for trial in taken if trial.score_keys)
    siblings = [t for t in tree if t is not first and set(t.shared_keys) & set(first.shared_keys)]
    assert siblings and not {t.key for t in siblings} & {t.key for t in taken}
    schedule.mark_failed(first.key)
    again = schedule.take()
    assert again is not None and again.key in {t.key for t in siblings}


def test_a_trial_whose_network_is_stored_without_its_parent_runs_once(tree: TrialTree) -> None:
    orphan = next(trial for trial in tree if trial.iterations == 1)
    schedule = Schedule(tree, networks=[orphan.key])
    taken = []
    while trial := schedule.take():
        taken.append(trial.key)
        schedule.mark_done(trial.key)
    assert sorted(taken) == sorted(tree.trials)


@pytest.mark.parametrize(
    ("cpus", "gpus", "cpu", "gpu", "trials"),
    [
        (8, 0, 1, 0, 8),
        (8, 0, 3, 0, 2),
        (8, 2, 1, 0.25, 8),
        (8, 2, 1, 0.6, 2),
        (8, 4, 1, 2, 2),
        (8, 0, 1, 0.5, 0),
        (16, 1, 1, 0.1, 10),
    ],
)
def test_how_many_trials_fit_on_a_node(cpus: float, gpus: float, cpu: int, gpu: float, trials: int) -> None:
    assert node_capacity(cpus, gpus, cpu, gpu) == trials
