"""One attempt at a trial: it is run, and one event says how it ended."""

import traceback
from collections.abc import Callable
from functools import partial

from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import failure_of
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import (
    Progress,
    TrialDone,
    TrialEnd,
    TrialFailed,
    TrialLost,
    TrialStopped,
    WorkCounter,
    WorkCounts,
)
from prunesweep.sweeps.trial import Trial

PAUSES = (1.0, 5.0, 20.0)  # seconds before a trial that met a storage fault is tried again
STORAGE_FAULTS = (StoreError, OSError)

RunTrial = Callable[[Progress], object]
"""Runs a trial, or what of it is left, and tells what it is given of every event."""


def attempt_trial(
    run: RunTrial,
    trial: Trial,
    store: Store,
    *,
    progress: Progress,
    wait: Callable[[float], object],
    raise_bugs: bool = False,
) -> TrialEnd:
    """Run a trial and return how it ended; a trial that cannot be done is stored as a failure.

    Args:
        run: runs the trial.
        trial: the one that ``run`` runs.
        store: where a failure goes.
        progress: told of every event.
        wait: waits for so many seconds before the trial is tried again after a storage fault.
        raise_bugs: whether an error that nobody expected ends the sweep with its traceback. Else it is the trial's
            failure, as every other.
    """
    from prunesweep.workers.work import Stopped, TrialError  # which import torch

    counter = WorkCounter(progress)
    try:
        _try_repeatedly(partial(run, counter), wait)
        return TrialDone(counter.made)
    except Stopped:
        return TrialStopped(counter.made)
    except STORAGE_FAULTS as error:
        return TrialLost(one_line(error), counter.made)
    except TrialError as error:
        return _fail(trial, store, str(error), "", counter.made)
    except Exception as error:
        if raise_bugs and not isinstance(error, UserError):
            raise
        return _fail(trial, store, one_line(error), traceback.format_exc(), counter.made)


def one_line(error: BaseException) -> str:
    """Return the kind of an error and its message, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _try_repeatedly(run: Callable[[], object], wait: Callable[[float], object]) -> None:
    """Storage faults pass, and what was made before one is stored: the trial goes on from there."""
    for pause in PAUSES:
        try:
            run()
            return
        except STORAGE_FAULTS:
            wait(pause)
    run()


def _fail(trial: Trial, store: Store, error: str, details: str, made: WorkCounts) -> TrialEnd:
    try:
        # Results are made in this order: the first that is missing is the one that could not be made.
        failed = next((key for key in trial.result_keys if not store.has_result(key)), trial.key)
        store.save_failure(failure_of(trial, failed, error, details))
    except STORAGE_FAULTS as fault:
        return TrialLost(f"{error}; and then {one_line(fault)}", made)
    return TrialFailed(error, made)
