"""One attempt at a trial, and the event that says how it ended."""

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

PAUSES = (1.0, 5.0, 20.0)  # seconds before each retry of a trial that met a storage fault
STORAGE_FAULTS = (StoreError, OSError)

RunTrial = Callable[[Progress], object]
"""A function that runs a trial, or the part of it that is not stored yet, and calls its argument with each event."""


def attempt_trial(
    run: RunTrial,
    trial: Trial,
    store: Store,
    *,
    progress: Progress,
    wait: Callable[[float], object],
    raise_bugs: bool = False,
) -> TrialEnd:
    """Run a trial and return how it ended.

    After a storage fault the trial is retried; it counts as lost if the fault persists. Any other error is stored as
    the trial's failure.

    Args:
        run: runs the trial.
        trial: the trial that ``run`` runs.
        store: where a failure is stored.
        progress: receives every event of the trial.
        wait: waits the given number of seconds before the trial is retried after a storage fault.
        raise_bugs: whether an unexpected error (a bug) is raised with its traceback and so ends the sweep, instead
            of being stored as the trial's failure.
    """
    from prunesweep.workers.work import Stopped, TrialError  # imports torch

    counter = WorkCounter(progress)
    try:
        _retry_storage_faults(partial(run, counter), wait)
        return TrialDone(counter.work)
    except Stopped:
        return TrialStopped(counter.work)
    except STORAGE_FAULTS as error:
        return TrialLost(one_line(error), counter.work)
    except TrialError as error:
        return _store_failure(trial, store, str(error), "", counter.work)
    except Exception as error:
        if raise_bugs and not isinstance(error, UserError):
            raise
        return _store_failure(trial, store, one_line(error), traceback.format_exc(), counter.work)


def one_line(error: BaseException) -> str:
    """Return the type of an error and its message, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _retry_storage_faults(run: Callable[[], object], wait: Callable[[float], object]) -> None:
    """Run a trial, and run it again after each of the ``PAUSES`` as long as it ends with a storage fault.

    Storage faults are often temporary, and a retry continues from what the trial has stored. A storage fault of the
    last attempt is raised.
    """
    for pause in PAUSES:
        try:
            run()
            return
        except STORAGE_FAULTS:
            wait(pause)
    run()


def _store_failure(trial: Trial, store: Store, error: str, details: str, work: WorkCounts) -> TrialEnd:
    """Store a trial's failure and return how the trial ended: failed, or lost if the failure cannot be stored."""
    try:
        # A trial stores its results in the order of its keys, so the first missing one could not be produced.
        failed = next((key for key in trial.result_keys if not store.has_result(key)), trial.key)
        store.save_failure(failure_of(trial, failed, error, details))
    except STORAGE_FAULTS as fault:
        return TrialLost(f"{error}; and then {one_line(fault)}", work)
    return TrialFailed(error, work)
