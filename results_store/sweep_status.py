"""The status of a sweep's latest run, a small object that the driver refreshes: ``sweeps/NAME/status.json``."""

import json
from typing import Any, TypedDict

from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.objects import Objects

RUNNING, FINISHED, INTERRUPTED, BROKEN = "running", "finished", "interrupted", "broken"
"""The states of a run: at work; all trials ended; interrupted by a signal; ended by an error."""


class DriverProcess(TypedDict):
    """The process that runs a sweep.

    Attributes:
        host: the name of its machine.
        pid: the number of the process.
        created: Unix time at which the process was created, which tells it from a later process of the same number.
    """

    host: str
    pid: int
    created: float


class RunningTrial(TypedDict):
    """A trial in progress.

    Attributes:
        key: the key of the trial.
        trial: the settings of the trial in words.
        phase: what the trial is doing, in words.
        since: Unix time of the trial's start.
    """

    key: str
    trial: str
    phase: str
    since: float


class Blocker(TypedDict):
    """An unfinished trial for whose network other trials wait.

    Attributes:
        key: the key of the trial.
        trial: the settings of the trial in words.
        waiting: how many trials wait.
    """

    key: str
    trial: str
    waiting: int


class FrontNetwork(TypedDict):
    """A setting on the front so far, averaged over the seeds that are done.

    Attributes:
        key: the key of its first trial.
        network: the setting in words.
        generalization: accuracy on the clean images of the selection half, in [0, 1].
        robustness: mean accuracy under the attacks on the selection half, in [0, 1].
        flops: floating-point operations for one image.
    """

    key: str
    network: str
    generalization: float
    robustness: float
    flops: float


class SweepStatus(TypedDict):
    """The status of a run; times are Unix times, durations seconds.

    Attributes:
        sweep: the name of the sweep.
        run: a random name of this run.
        state: one of ``running``, ``finished``, ``interrupted``, ``broken``.
        step: what the run is doing before its trials start, in words; empty while trials run.
        driver: the process that runs the sweep.
        started_at: when the run began.
        updated_at: when this status was written.
        refresh_seconds: how long after ``updated_at`` the next status is due.
        trials: the number of trials of the sweep.
        stored: how many of them were done before this run.
        done: how many are done, including those stored before.
        failed: how many failed, were lost, or depend on such a trial.
        running: how many are in progress.
        waiting: how many have not started.
        seconds_left: the estimated time until the last trial ends; None if it is not known.
        past_errors: the smallest and largest error of estimates for past runs, as shares of the estimate; None if there
            were none.
        unit: what ``used_seconds`` and ``saved_seconds`` count: ``core`` or ``GPU``.
        used_seconds: the time of this run's trials, times the cores or GPUs of each.
        saved_seconds: the time that the same trials would have taken in addition if each had trained its own ancestors.
        epochs: the number of epochs trained in this run.
        in_progress: the trials in progress, the longest-running first.
        blockers: the trials that others wait for, those with most waiting first.
        front: the front so far in generalization, robustness and FLOPs.
    """

    sweep: str
    run: str
    state: str
    step: str
    driver: DriverProcess
    started_at: float
    updated_at: float
    refresh_seconds: float
    trials: int
    stored: int
    done: int
    failed: int
    running: int
    waiting: int
    seconds_left: float | None
    past_errors: list[float] | None
    unit: str
    used_seconds: float
    saved_seconds: float
    epochs: int
    in_progress: list[RunningTrial]
    blockers: list[Blocker]
    front: list[FrontNetwork]


def save_status(objects: Objects, status: SweepStatus) -> None:
    """Store the status of a sweep's run, replacing that of its previous run.

    ``StoreError`` is raised if the store cannot be written.
    """
    objects.put(_path(status["sweep"]), json.dumps(status, allow_nan=False).encode())


def load_status(objects: Objects, sweep: str) -> SweepStatus | None:
    """Return the status of a sweep's latest run, or None if there is none, as for runs of older versions.

    ``StoreError`` is raised if the store cannot be read.
    """
    try:
        content: Any = json.loads(objects.get(_path(sweep)))
    except (NotStored, ValueError):  # the trials are counted without this object, so it may be damaged
        return None
    return content if isinstance(content, dict) and SweepStatus.__required_keys__ <= content.keys() else None  # type: ignore[return-value]


def _path(sweep: str) -> str:
    return f"sweeps/{sweep}/status.json"
