"""Whole sweeps through the command line as a user calls it: on a real Ray, where that is the point."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from prunesweep.results_store import Store
from tests.helpers.command import HANGS, command, process, start
from tests.helpers.waiting import wait_for

SWEEP = """
name: small
dataset: {name: digits, size: 16, train_limit: 80, test_limit: 40}
baseline: {epochs: 2, learning_rate: 0.05, batch_size: 20}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 20, rewind_epoch: 1}
pruning: {scoring_images: 20}
axes:
  architecture: [resnet20]
  structure: [filters, layers]
  criterion: [l1]
  adjustment: [fine_tune, winning_ticket]
  iterations: [1, 2]
attacks:
  fgsm: {epsilons: [4/255, 8/255]}
  corruptions: {kinds: [brightness, gaussian_noise], severities: [5]}
"""
TRIALS = 1 + 2 * 2 + 2 * 2 * 2  # baseline, controls, pruned
EPOCHS = 2 + 6 * 1 + 6 * 1  # baseline, fine-tuned, winning tickets (from epoch 1 to 2)
# Scores of the baseline are shared by both adjustment schemes; of the second round's parents there are four.
SCORES = 2 + 4
TIMES = ["seconds"]


def trials_of(store: Path) -> pd.DataFrame:
    table = pd.read_parquet(store / "trials")
    return table.sort_values("trial_key", ignore_index=True).drop(columns=TIMES)


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "small.yaml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="module")
def two_workers(sweep_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on which the sweep ran with two workers."""
    store = tmp_path_factory.mktemp("two") / "store"
    ran = process("run", str(sweep_file), "--store", str(store))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{TRIALS} trials run, 0 were stored already, 0 failed" in ran.stdout
    assert f"made: {EPOCHS} epochs trained, {SCORES} sets of scores, {3 * TRIALS} evaluations" in ran.stdout
    assert "Pareto-optimal in generalization and robustness" in ran.stdout
    return store


def test_the_tables_hold_every_trial_once_and_whole(two_workers: Path) -> None:
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
    ran = process("run", str(sweep_file), "--store", str(store), "--set", "resources.workers=1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    pd.testing.assert_frame_equal(trials_of(store), trials_of(two_workers), check_exact=True)


def has_networks(store: Path, count: int, driver: "subprocess.Popen[str]") -> Callable[[], bool]:
    """Whether so many are stored, asked of a driver that still runs."""

    def ask() -> bool:
        assert driver.poll() is None, "the driver ended too soon"
        return len(Store(str(store)).network_keys()) >= count

    return ask


def test_a_killed_driver_loses_nothing(two_workers: Path, sweep_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    driver = start("run", str(sweep_file), "--store", str(store))
    wait_for(has_networks(store, TRIALS // 2, driver))
    workers = workers_of(driver.pid)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    assert workers
    wait_for(lambda: not any(is_running(worker) for worker in workers))  # they end on their own
    made = {path: path.stat().st_mtime_ns for folder in ("results", "scores") for path in (store / folder).iterdir()}
    ran = process("run", str(sweep_file), "--store", str(store))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path: path.stat().st_mtime_ns for path in made} == made, "something was made twice"
    pd.testing.assert_frame_equal(trials_of(store), trials_of(two_workers), check_exact=True)


def test_a_lost_worker_is_replaced_and_leaves_no_trace(sweep_file: Path, two_workers: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    driver = start("run", str(sweep_file), "--store", str(store))
    wait_for(has_networks(store, 2, driver))
    os.kill(wait_for(lambda: worker_of(driver.pid)), signal.SIGKILL)
    output, _ = driver.communicate(timeout=HANGS)
    assert driver.returncode == 0, output
    pd.testing.assert_frame_equal(trials_of(store), trials_of(two_workers), check_exact=True)


def workers_of(driver: int) -> list[int]:
    """The process ids of a driver's Ray workers."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):  # no process, or one that has just ended
            if "ray::" in (folder / "cmdline").read_text() and driver in ancestors(int(folder.name)):
                found.append(int(folder.name))
    return found


def worker_of(driver: int) -> int | None:
    """One of them that runs trials; between two steps, Ray names them otherwise."""
    for process_id in workers_of(driver):
        with suppress(OSError):
            if "Trainable" in (Path("/proc") / str(process_id) / "cmdline").read_text():
                return process_id
    return None


def is_running(process_id: int) -> bool:
    """Whether there is such a process that has not ended."""
    with suppress(OSError):
        return state_of(process_id)[0] != "Z"
    return False


def state_of(process_id: int) -> list[str]:
    """What the system says of a process from its state on: the state, the parent, …"""
    return (Path("/proc") / str(process_id) / "stat").read_text().rsplit(")", 1)[1].split()


def ancestors(process_id: int) -> list[int]:
    """The parents of a process, its own first."""
    found: list[int] = []
    while process_id > 1:
        process_id = int(state_of(process_id)[1])
        found.append(process_id)
    return found


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
    assert f"made: 0 epochs trained, 0 sets of scores, {TRIALS} evaluations" in ran.stdout
    fgsm = pd.read_parquet(store / "attacks").query("attack == 'fgsm'")
    assert len(fgsm) == 3 * TRIALS


def test_a_failed_trial_is_a_row_and_its_descendants_name_it(sweep_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    diverges = ["--set", "adjustment.learning_rate=1e30", "--set", "axes.structure=filters", "--set", "control=false"]
    ran = command("run", str(sweep_file), "--store", str(store), "--in-process", "--set", "attacks={}", *diverges)
    assert ran.exit_code == 1, ran.output
    assert "training diverged" in ran.stdout
    trials = pd.read_parquet(store / "trials")
    failed = trials[trials["error"].notna()].set_index("iterations")
    assert sorted(failed.index) == [1, 2]
    assert failed.loc[1, "trial_key"] in failed.loc[2, "error"]
    assert len(trials) == 5, "the baseline and the winning tickets went on"
    status = command("status", "--store", str(store))
    assert sum(line.startswith("failed: ") for line in status.stdout.splitlines()) == 2
