"""The plan: counted by hand on an empty store, and compared with a store that has some results."""

from pathlib import Path

import pytest

from prunesweep.orchestrator.display.plan import trial_lines
from prunesweep.orchestrator.planning.plan import Plan, make_plan
from prunesweep.results_store import Store
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.workers import load_dataset, run_trial

SWEEP = """
name: plan
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 10}
baseline: {epochs: 2, learning_rate: 0.02, batch_size: 32}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 32}
axes: {architecture: resnet20, criterion: l1, adjustment: [fine_tune, scratch_b], iterations: [1, 2]}
attacks: {fgsm: {}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the finished baseline and with one pruned network that was not attacked by FGSM yet."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    store.prepare()
    data = load_dataset(parse_sweep(SWEEP).dataset)
    tree = make_plan(parse_sweep(SWEEP), store).tree
    run_trial(next(iter(tree)), store, data)
    without = make_plan(parse_sweep(SWEEP, ["attacks={}"]), store).tree
    run_trial(next(trial for trial in without if trial.structure == "filters"), store, data)
    return store


def plan(store: Store, *changes: str) -> Plan:
    return make_plan(parse_sweep(SWEEP, list(changes)), store)


def test_a_plan_on_an_empty_store_by_hand(tmp_path: Path) -> None:
    empty = plan(Store(str(tmp_path / "none")))
    assert (len(empty.tree), empty.baselines, empty.controls) == (9, 1, 4)
    assert empty.epochs == empty.epochs_with_sharing == 2 + 2 * 2 * 1 + 2 * 2 * 4
    # For each trial alone: the baseline's 2 and all its rounds' epochs, of 1 (fine_tune) or 4 (scratch_b).
    assert empty.epochs_without_sharing == 2 + 2 * ((2 + 1) + (2 + 2) + (2 + 4) + (2 + 8))
    assert empty.score_sets == (3, 4), "both schemes share the baseline's scores"
    assert not (tmp_path / "none").exists()


def test_stored_results_are_not_planned_again(store: Store) -> None:
    partly_done = plan(store)
    assert (len(partly_done.done), len(partly_done.networks), len(partly_done.to_run)) == (1, 2, 8)
    assert partly_done.epochs == partly_done.epochs_with_sharing - 2 - 1
    states = [line.split("  ")[1].strip() for line in trial_lines(partly_done)]
    assert sorted(states) == ["network stored", "stored"] + ["to run"] * 7


def test_an_attack_without_its_package_is_an_error_line_unless_its_results_are_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "attacks={fgsm: {}, autoattack: {}}"
    evaluations = frozenset(trial.evaluation_key("autoattack") for trial in plan(store, change).tree)
    monkeypatch.setattr("prunesweep.sweeps.attacks.find_spec", lambda name: None)
    with pytest.raises(
        SweepError, match=r"^attacks\.autoattack: .*pyautoattack.*pip install 'prunesweep\[autoattack\]'"
    ):
        plan(store, change)
    plan(store)  # without that attack
    stored = store.result_keys() | evaluations
    monkeypatch.setattr(Store, "result_keys", lambda self: stored)
    assert plan(store, change).to_run
