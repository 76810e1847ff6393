"""Sweeps on a real Ray cluster with a killed process: the tables equal those of an undisturbed sweep."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from prunesweep.results_store import Store
from tests.helpers.command import command, start
from tests.helpers.small_sweep import TRIALS, trials_of, write_sweep
from tests.helpers.waiting import HANGS, wait_for


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def undisturbed(sweep_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store on which the sweep ran in this process, one trial after another."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    ran = command("run", str(sweep_file), "--store", str(store), "--in-process")
    assert ran.exit_code == 0, ran.output
    return store


def has_networks(store: Path, count: int, driver: "subprocess.Popen[str]") -> Callable[[], bool]:
    """Return a function that says whether so many networks are stored, and checks that the driver still runs."""

    def count_networks() -> bool:
        assert driver.poll() is None, "the driver ended too soon"
        return len(Store(str(store)).network_keys()) >= count

    return count_networks


def test_a_killed_driver_loses_nothing(undisturbed: Path, sweep_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    driver = start("run", str(sweep_file), "--store", str(store))
    wait_for(has_networks(store, TRIALS // 2, driver))
    workers = workers_of(driver.pid)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    assert workers
    wait_for(lambda: not any(is_running(worker) for worker in workers))  # they end by themselves
    modified = {
        path: path.stat().st_mtime_ns for folder in ("results", "scores") for path in (store / folder).iterdir()
    }
    ran = command("run", str(sweep_file), "--store", str(store), "--in-process")
    assert ran.exit_code == 0, ran.output
    assert {path: path.stat().st_mtime_ns for path in modified} == modified, "a result was computed twice"
    pd.testing.assert_frame_equal(trials_of(store), trials_of(undisturbed), check_exact=True)


def test_a_lost_worker_is_replaced_and_leaves_no_trace(sweep_file: Path, undisturbed: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    driver = start("run", str(sweep_file), "--store", str(store))
    wait_for(has_networks(store, 2, driver))
    os.kill(wait_for(lambda: worker_of(driver.pid)), signal.SIGKILL)
    output, _ = driver.communicate(timeout=HANGS)
    assert driver.returncode == 0, output
    pd.testing.assert_frame_equal(trials_of(store), trials_of(undisturbed), check_exact=True)


def workers_of(driver: int) -> list[int]:
    """Return the process ids of a driver's Ray workers, without Ray's own agents."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):  # no process, or one that has just ended
            name = (folder / "cmdline").read_text()
            if name.startswith("ray::") and "Agent" not in name and driver in ancestors(int(folder.name)):
                found.append(int(folder.name))
    return found


def worker_of(driver: int) -> int | None:
    """Return the process id of a worker that is running a step of a trial; Ray renames it between two steps."""
    for process_id in workers_of(driver):
        with suppress(OSError):
            if "Trainable" in (Path("/proc") / str(process_id) / "cmdline").read_text():
                return process_id
    return None


def is_running(process_id: int) -> bool:
    """Return whether a process exists and has not ended."""
    with suppress(OSError):
        return state_of(process_id)[0] != "Z"
    return False


def state_of(process_id: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from the state on: the state, the parent, …"""
    return (Path("/proc") / str(process_id) / "stat").read_text().rsplit(")", 1)[1].split()


def ancestors(process_id: int) -> list[int]:
    """Return the process ids of a process's ancestors, its parent first."""
    found: list[int] = []
    while process_id > 1:
        process_id = int(state_of(process_id)[1])
        found.append(process_id)
    return found
