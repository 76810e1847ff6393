"""How long runs of sweeps took, and what had been estimated before: ``sweeps/NAME/runs.json``."""

import json
from typing import Any, TypedDict

from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.objects import Objects

SHORT = 60.0  # seconds; of a shorter run, starting Ray and its workers, which no estimate has, is too large a part


class RunTime(TypedDict):
    """A run of a sweep that ended with every trial done. ``estimated`` and ``took``: seconds of wall time."""

    trials: int  # that were run
    workers: int  # how many trials the cluster could run at once when it began
    estimated: float
    took: float
    finished_at: float


def note_run_time(objects: Objects, sweep: str, run: RunTime) -> None:
    """Adds a run to those of its sweep. Raises: StoreError."""
    runs = [*_runs_of(objects, sweep), run]
    objects.put(_name(sweep), json.dumps(runs, indent=1, allow_nan=False).encode())


def past_run_times(objects: Objects) -> list[RunTime]:
    """The runs of all sweeps of a store, without the short ones. Raises: StoreError."""
    runs = (run for sweep in objects.folders("sweeps") for run in _runs_of(objects, sweep))
    return [run for run in runs if run["took"] >= SHORT]


def _runs_of(objects: Objects, sweep: str) -> list[RunTime]:
    try:
        noted = json.loads(objects.get(_name(sweep)))
    except (NotStored, ValueError):  # a note that is damaged is worth no error
        return []
    return [run for run in noted if _is_run(run)] if isinstance(noted, list) else []


def _is_run(noted: Any) -> bool:
    return isinstance(noted, dict) and all(isinstance(noted.get(name), int | float) for name in RunTime.__annotations__)


def _name(sweep: str) -> str:
    return f"sweeps/{sweep}/runs.json"
