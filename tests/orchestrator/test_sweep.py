"""Whole sweeps through the command line, on a real Ray cluster where a test depends on it."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.command import command, process
from tests.helpers.small_sweep import EPOCHS, SCORES, TRIALS, trials_of, write_sweep


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def two_workers(sweep_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store on which the sweep ran with two workers."""
    store = tmp_path_factory.mktemp("two") / "store"
    ran = process("run", str(sweep_file), "--store", str(store))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{TRIALS} trials run, 0 were stored already, 0 failed" in ran.stdout
    assert f"work done: {EPOCHS} epochs trained, {SCORES} sets of scores, {3 * TRIALS} evaluations" in ran.stdout
    assert "Pareto-optimal in generalization, robustness and flops" in ran.stdout
    return store


def test_the_tables_hold_every_trial_once_and_completely(two_workers: Path) -> None:
    trials = trials_of(two_workers)
    assert len(trials) == TRIALS == trials["trial_key"].nunique()
    assert trials["error"].isna().all()
    assert trials["generalization"].between(0, 1).all()
    pruned = trials[trials["structure"] != "none"]
    assert (pruned["filters_removed"] + pruned["blocks_removed"] > 0).all()
    assert pruned[["robustness_gain", "robustness_gain_over_control"]].notna().all(axis=None)
    attacks = pd.read_parquet(two_workers / "attacks")
    assert len(attacks) == TRIALS * (1 + 2 + 2)
    assert (attacks["total"] == 40).all()
    assert len(pd.read_parquet(two_workers / "history")) == EPOCHS


def test_a_second_run_runs_nothing(two_workers: Path, sweep_file: Path) -> None:
    before = trials_of(two_workers)
    ran = command("run", str(sweep_file), "--store", str(two_workers))
    assert ran.exit_code == 0
    assert f"0 trials run, {TRIALS} were stored already, 0 failed" in ran.stdout
    pd.testing.assert_frame_equal(trials_of(two_workers), before)


def test_one_worker_gives_the_same_numbers_bit_for_bit(two_workers: Path, sweep_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = command("run", str(sweep_file), "--store", str(store), "--set", "resources.workers=1")
    assert ran.exit_code == 0, ran.output
    pd.testing.assert_frame_equal(trials_of(store), trials_of(two_workers), check_exact=True)


def test_a_new_value_on_an_axis_runs_only_the_new_trials(two_workers: Path, sweep_file: Path) -> None:
    change = ["--set", "axes.criterion=[l1,random]"]
    planned = command("plan", str(sweep_file), "--store", str(two_workers), *change)
    assert f"stored already: {TRIALS} trials" in planned.stdout
    assert "to run: 8 trials" in planned.stdout


def test_a_new_epsilon_attacks_and_trains_nothing(two_workers: Path, sweep_file: Path, tmp_path: Path) -> None:
    store = shutil.copytree(two_workers, tmp_path / "store")
    change = ["--set", "attacks.fgsm.epsilons=[2/255,4/255,8/255]"]
    ran = command("run", str(sweep_file), "--store", str(store), "--in-process", *change)
    assert ran.exit_code == 0, ran.output
    assert f"work done: 0 epochs trained, 0 sets of scores, {TRIALS} evaluations" in ran.stdout
    fgsm = pd.read_parquet(store / "attacks").query("attack == 'fgsm'")
    assert len(fgsm) == 3 * TRIALS


def test_a_failed_trial_is_a_row_and_its_descendants_name_it(sweep_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    diverging = ("learning_rate=10", "momentum=0.99", "weight_decay=1", "batch_size=2")
    changes = ["axes.structure=filters", "control=false", *(f"adjustment.{setting}" for setting in diverging)]
    diverges = [word for change in changes for word in ("--set", change)]
    ran = command("run", str(sweep_file), "--store", str(store), "--in-process", "--set", "attacks={}", *diverges)
    assert ran.exit_code == 1, ran.output
    assert "training diverged" in ran.stdout
    trials = pd.read_parquet(store / "trials")
    failed = trials[trials["error"].notna()].set_index("iterations")
    assert sorted(failed.index) == [1, 2]
    assert str(failed.loc[1, "trial_key"]) in str(failed.loc[2, "error"])
    assert len(trials) == 5, "the baseline and the winning tickets ran"
    status = command("status", "--store", str(store))
    (failure_line,) = (line for line in status.stdout.splitlines() if line.startswith("failed: "))
    assert "(1 trial depends on it and cannot run)" in failure_line
