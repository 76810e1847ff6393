"""Whether the latest run of a sweep is at work, slow, dead or over, told from its status in the store."""

import platform
import time

from prunesweep.orchestrator.query.durations import format_duration
from prunesweep.results_store.sweep_status import RUNNING, DriverProcess, SweepStatus

SLOW, DEAD = "slow", "dead"
"""States of a run whose status is overdue: its driver is still there; its driver is gone, or silent for long."""

SLOW_SECONDS = 15.0  # a status that is overdue by less says nothing
DEAD_SECONDS = 120.0  # after which a driver on another machine counts as dead


def run_state(status: SweepStatus) -> str:
    """Return the state of a run: ``running``, ``slow``, ``dead``, ``finished``, ``interrupted`` or ``broken``.

    A driver on this machine is dead if its process is gone. Of a driver on another machine only its silence is known.
    """
    if status["state"] != RUNNING:
        return status["state"]
    overdue = _silence(status) - status["refresh_seconds"]
    if _is_here(status["driver"]):
        return DEAD if not _is_alive(status["driver"]) else SLOW if overdue > SLOW_SECONDS else RUNNING
    return DEAD if overdue > DEAD_SECONDS else SLOW if overdue > SLOW_SECONDS else RUNNING


def describe_run(status: SweepStatus, state: str) -> str:
    """Return one line about a run that is slow or dead; empty for another state.

    Args:
        status: the status of the run.
        state: its state, as ``run_state`` returns it.
    """
    driver, silence = status["driver"], f"its last sign of life was {format_duration(_silence(status))} ago"
    if state == SLOW:
        return f"{status['sweep']}: slow: {silence}; its driver is process {driver['pid']} on {driver['host']}"
    if state != DEAD:
        return ""
    gone = (
        f"process {driver['pid']} on this machine is gone"
        if _is_here(driver)
        else f"process {driver['pid']} on {driver['host']} is silent"
    )
    return f"{status['sweep']}: dead: {gone}, {silence}; run the sweep again to continue"


def _silence(status: SweepStatus) -> float:
    """Return the seconds since the latest sign of life."""
    return max(0.0, time.time() - status["updated_at"])


def _is_here(driver: DriverProcess) -> bool:
    return driver["host"] == platform.node()


def _is_alive(driver: DriverProcess) -> bool:
    """Return whether the process is there, and is no later process with the same number."""
    import psutil

    try:
        process = psutil.Process(driver["pid"])
        return abs(process.create_time() - driver["created"]) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
