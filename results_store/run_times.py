"""Estimated and actual durations of the runs of a sweep, stored in ``sweeps/NAME/runs.json``."""

import json
from typing import Any, TypedDict

from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.objects import Objects

# Seconds. Estimates leave out the start of Ray and its workers, which is too large a part of a shorter run.
SHORTEST_TIMED_RUN = 60.0


class RunTime(TypedDict):
    """The estimated and the actual duration of one run that completed all trials of its sweep."""

    trials: int  # number of trials that this run had to run
    workers: int  # number of trials that the cluster could run at once when the run began
    estimated: float  # seconds of wall time
    took: float  # seconds of wall time
    finished_at: float  # Unix time


def save_run_time(objects: Objects, sweep: str, run: RunTime) -> None:
    """Append the duration of a run to the stored durations of its sweep's runs.

    ``StoreError`` is raised if the store cannot be written.
    """
    runs = [*_load_runs(objects, sweep), run]
    objects.put(_path(sweep), json.dumps(runs, indent=1, allow_nan=False).encode())


def load_run_times(objects: Objects) -> list[RunTime]:
    """Return the durations of those runs on a store that took at least ``SHORTEST_TIMED_RUN`` seconds.

    The runs of all sweeps are included. ``StoreError`` is raised if the store cannot be read.
    """
    runs = (run for sweep in objects.folders("sweeps") for run in _load_runs(objects, sweep))
    return [run for run in runs if run["took"] >= SHORTEST_TIMED_RUN]


def _load_runs(objects: Objects, sweep: str) -> list[RunTime]:
    try:
        content = json.loads(objects.get(_path(sweep)))
    except (NotStored, ValueError):  # estimates work without this file, so it may be damaged
        return []
    return [run for run in content if _is_run_time(run)] if isinstance(content, list) else []


def _is_run_time(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), int | float) for name in RunTime.__annotations__)


def _path(sweep: str) -> str:
    return f"sweeps/{sweep}/runs.json"
