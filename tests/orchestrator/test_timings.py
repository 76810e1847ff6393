"""The estimate of how long a plan takes, from the store's trials, with what is missing and with its typical error."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prunesweep.orchestrator.display.plan import time_lines
from prunesweep.orchestrator.planning.capacity import available_cpus
from prunesweep.orchestrator.planning.cost import epoch_cost
from prunesweep.orchestrator.planning.plan import Plan, make_plan
from prunesweep.orchestrator.planning.timings import (
    NoTimings,
    TimedWorkload,
    TimeEstimate,
    Timings,
    Workload,
    estimate_plan,
    read_timed_workloads,
    typical_error,
)
from prunesweep.orchestrator.query.durations import format_duration
from prunesweep.results_store import Store
from prunesweep.results_store.run_times import RunTime, load_run_times, save_run_time
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.words import counted
from prunesweep.workers import load_dataset, run_trial

SWEEP = """
name: timings
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 10}
baseline: {epochs: 2, learning_rate: 0.02, batch_size: 32}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 32}
axes: {architecture: resnet20, criterion: l1, iterations: [1, 2]}
attacks: {fgsm: {}}
"""
TRAINED = Workload("resnet20", "plain", "fine_tune", "l1", "fgsm", 4)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the baseline and the first control, both done, and one pruned network that was not attacked."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    store.prepare()
    data = load_dataset(parse_sweep(SWEEP).dataset)
    baseline, *others = make_plan(parse_sweep(SWEEP), store).tree
    run_trial(baseline, store, data)
    run_trial(next(trial for trial in others if trial.is_control), store, data)
    without = make_plan(parse_sweep(SWEEP, ["attacks={}"]), store).tree
    run_trial(next(trial for trial in without if trial.structure == "filters"), store, data)
    return store


def plan(store: Store, *changes: str) -> Plan:
    return make_plan(parse_sweep(SWEEP, list(changes)), store)


def lines(store: Store, *changes: str) -> str:
    changed = plan(store, *changes)
    return "\n".join(time_lines(changed, estimate_plan(changed, store), load_run_times(store.objects)))


# Medians, by groups from narrow to wide


def test_the_narrowest_group_with_timings_counts() -> None:
    adversarial, no_criterion = TRAINED._replace(recipe="adversarial"), TRAINED._replace(criterion="none", epochs=0)
    timings = Timings(
        [
            TimedWorkload(TRAINED, training_seconds=8.0, other_seconds=5.0),
            TimedWorkload(TRAINED, training_seconds=16.0, other_seconds=7.0),
            TimedWorkload(TRAINED, training_seconds=400.0, other_seconds=6.0),
            TimedWorkload(adversarial, training_seconds=4000.0, other_seconds=5.0),
            TimedWorkload(no_criterion, training_seconds=0.0, other_seconds=1.0),
        ]
    )
    assert timings.seconds(TRAINED) == pytest.approx(16 + 5.5), "5, 5, 6 and 7 s beside training with its criterion"
    assert timings.seconds(adversarial) == pytest.approx(4000 + 5.5)
    assert timings.seconds(TRAINED._replace(epochs=0)) == pytest.approx(5.5)
    another = TRAINED._replace(adjustment="scratch_e", criterion="pls", epochs=2)
    assert timings.seconds(another) == pytest.approx(2 * 4.0 + 5), (
        "its recipe has timings of training, and its architecture of the rest"
    )


@pytest.mark.parametrize(
    ("change", "workload"),
    [
        ({"architecture": "vgg16"}, "vgg16 under fgsm"),
        ({"attacks": "fgsm, pgd"}, "resnet20 under fgsm, pgd"),
        ({"attacks": ""}, "resnet20 under no attack"),
    ],
)
def test_a_workload_without_timings_is_named(change: dict[str, Any], workload: str) -> None:
    timings = Timings([TimedWorkload(TRAINED, 8.0, 5.0)])
    with pytest.raises(NoTimings, match=rf"^{workload}$"):
        timings.seconds(TRAINED._replace(**change))


def test_training_without_timings_of_epochs_is_named() -> None:
    timings = Timings([TimedWorkload(TRAINED._replace(epochs=0), 0.0, 5.0)])
    assert timings.seconds(TRAINED._replace(epochs=0)) == 5
    with pytest.raises(NoTimings, match=r"^training resnet20$"):
        timings.seconds(TRAINED)


# The typical error


def test_the_typical_error_is_that_of_trials_estimated_from_others() -> None:
    same = [TimedWorkload(TRAINED, 8.0, 2.0)] * 6
    assert typical_error(same) == 0
    longer = [TimedWorkload(TRAINED, 8.0, 2.0), TimedWorkload(TRAINED, 16.0, 4.0)] * 3
    assert typical_error(longer) == pytest.approx((0.5 + 1) / 2), "10 s for 20 in one half, 20 for 10 in the other"
    assert typical_error(same[:3]) is None
    strangers = [TimedWorkload(TRAINED._replace(architecture=str(number)), 8.0, 2.0) for number in range(9)]
    assert typical_error(strangers) is None


def test_past_runs_are_loaded_without_the_short_ones(tmp_path: Path) -> None:
    objects = Store(str(tmp_path)).objects
    assert load_run_times(objects) == []
    runs = [RunTime(trials=9, workers=2, estimated=100.0, took=took, finished_at=1.0) for took in (80.0, 130.0, 20.0)]
    save_run_time(objects, "one", runs[0])
    save_run_time(objects, "two", runs[1])
    save_run_time(objects, "one", runs[2])
    assert load_run_times(objects) == runs[:2]
    for damaged in ("{", "null", "[null, {}]", '[{"took": "long"}]'):
        (tmp_path / "sweeps" / "two" / "runs.json").write_text(damaged)
        assert load_run_times(objects) == runs[:1], "a damaged file is no error"


# On a store


def test_stored_trials_are_read_with_their_durations(store: Store) -> None:
    fingerprint = plan(store).to_run[0].context.test_fingerprint
    timed = {(t.workload.adjustment, t.workload.criterion): t for t in read_timed_workloads(store, fingerprint)}
    assert {words: (t.workload.attacks, t.workload.epochs) for words, t in timed.items()} == {
        ("none", "none"): ("fgsm", 2),
        ("fine_tune", "none"): ("fgsm", 1),
        ("fine_tune", "l1"): ("", 1),
    }
    trials = store.table("trials")
    assert sum(t.training_seconds + t.other_seconds for t in timed.values()) == pytest.approx(trials["seconds"].sum())
    assert sum(t.training_seconds for t in timed.values()) == pytest.approx(store.table("history")["seconds"].sum())
    assert read_timed_workloads(store, "other images") == []


def test_a_plan_is_estimated_trial_by_trial(store: Store) -> None:
    whole = plan(store)
    estimate = estimate_plan(whole, store)
    fingerprint = whole.to_run[0].context.test_fingerprint
    timings = Timings(read_timed_workloads(store, fingerprint))
    pruned = [TRAINED._replace(epochs=epochs) for epochs in (0, 1)]  # the first iteration's network is stored
    control = TRAINED._replace(criterion="none", epochs=1)
    expected = [timings.seconds(each) for each in (*pruned, control)]
    assert estimate.seconds == pytest.approx(sum(expected))
    assert estimate.longest_chain == pytest.approx(max(expected[0] + expected[1], expected[2]))
    assert (estimate.untimed, estimate.timed_trials) == ({}, 3)
    assert estimate.wall_seconds(1) == estimate.seconds
    assert estimate.wall_seconds(100) == estimate.longest_chain, "children wait for their parents"


def test_the_cost_is_in_seconds_if_all_trials_have_timings_and_else_in_epochs(store: Store) -> None:
    timed = plan(store)
    estimate = estimate_plan(timed, store)
    assert sum(map(estimate.cost, timed.tree)) == pytest.approx(estimate.seconds), "trials that are done cost nothing"
    some_untimed = plan(store, "axes.architecture=[resnet20, resnet32]")
    estimate = estimate_plan(some_untimed, store)
    assert [estimate.cost(trial) for trial in some_untimed.to_run] == [epoch_cost(t) for t in some_untimed.to_run]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ((), f" s with {counted(available_cpus(), 'trial')} at once"),
        (("resources.workers=7",), "with 7 trials at once"),
        (("resources.gpu=0.5",), "one trial after another, divided by the number that run at once"),
        (("resources.gpu=auto",), "at once (gpu: auto, chosen when the sweep starts)"),
        (("axes.iterations=0",), "time: nothing to run"),
        (
            ("axes.architecture=resnet32",),
            "time: no estimate; on these test images the store has no timings yet of resnet32",
        ),
        (("dataset.size=20",), "no timings yet of resnet20 under fgsm (5 trials)"),
        (
            ("axes.architecture=[resnet20, resnet32]",),
            "not counted, because on these test images the store has no timings",
        ),
        (("attacks={pgd: {}}",), "no timings yet of resnet20 under pgd (5 trials)"),
    ],
)
def test_the_lines_on_time_name_what_is_missing(store: Store, changes: tuple[str, ...], line: str) -> None:
    assert line in lines(store, *changes)


def test_an_empty_store_has_no_estimate(tmp_path: Path) -> None:
    assert "time: no estimate" in lines(Store(str(tmp_path / "none")))
    assert not (tmp_path / "none").exists()


def test_the_errors_of_estimates_are_printed(store: Store) -> None:
    whole = plan(store)
    estimate = replace(estimate_plan(whole, store), timed_trials=40, error=0.182)
    runs = [RunTime(trials=9, workers=2, estimated=100.0, took=took, finished_at=1.0) for took in (88.0, 130.0)]
    *_, halves, past = time_lines(whole, estimate, runs)
    assert halves.startswith("time: the typical error of the estimate for one trial is 18% (checked by estimating")
    assert halves.endswith(" each half of the 40 stored trials from the other half)")
    assert past == "time: past runs took -12% to +30% against the estimate (2 runs)"
    assert len(time_lines(whole, TimeEstimate({"a": 1.0}, 1.0, {}, 3, None), [])) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0.4 s"), (9.96, "10 s"), (99.0, "99 s"), (100.0, "2 min"), (5000.0, "83 min"), (11520.0, "3.2 h")],
)
def test_durations_have_a_unit_of_their_size(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
