"""The worker process: one Ray actor that runs trial after trial, so that torch, CUDA and the data load once."""

import gc
import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ray import tune

from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import failure_of
from prunesweep.sweeps.catalogue import resolve
from prunesweep.sweeps.trial import Trial

EPOCH_EVENT_SECONDS = 2.0  # epochs are reported at most this often: each report costs the driver a little
STOP_SECONDS = 30.0
PAUSES = (1.0, 5.0, 20.0)  # seconds before a trial that met a storage fault is tried again
STORAGE_FAULTS = (StoreError, OSError)
ENDS = frozenset({"done", "failed", "lost", "stopped"})


class TrialActor(tune.Trainable):
    """Runs a trial in a thread; each ``step`` waits for its next event and reports it to Tune."""

    def setup(
        self,
        config: dict[str, Any],
        trials: Mapping[str, Trial],
        store: Store,
        data: Mapping[str, Any],
        code: str,
    ) -> None:
        """Called once a process.

        Args:
            trials: by key.
            data: ``Dataset.arrays()``, shared by the node's workers.
            code: the import path of the function that runs a trial, which is called as ``workers.run_trial`` is.
        """
        from prunesweep.workers.data.dataset import Dataset
        from prunesweep.workers.runtime import default_device

        self._trials = trials
        self._store = store
        self._run_trial: Callable[..., dict[str, int]] = resolve(code)
        self._data = Dataset.from_arrays(data).to(default_device())
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial in the same process."""
        self._end()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next event of the trial."""
        event: dict[str, Any] = self._events.get()
        return event | {"done": event["stage"] in ENDS}

    def cleanup(self) -> None:
        """Asks the trial to end after the epoch, or the batch of an attack, that it is at."""
        self._end()

    def _begin(self, config: dict[str, Any]) -> None:
        _settle_memory()
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._last_epoch_event = float("-inf")
        trial = self._trials[config["key"]]
        self._thread = threading.Thread(target=self._run, args=(trial,), name="trial", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self, trial: Trial) -> None:
        from prunesweep.workers.work import Stopped, TrialError

        try:
            self._events.put({"stage": "done", **self._try_often(trial)})
        except Stopped:
            self._events.put({"stage": "stopped"})
        except STORAGE_FAULTS as error:
            self._events.put({"stage": "lost", "error": _one_line(error)})
        except TrialError as error:
            self._fail(trial, str(error), "")
        except Exception as error:  # whatever else goes wrong in a trial is the trial's, and must not end the sweep
            self._fail(trial, _one_line(error), traceback.format_exc())

    def _try_often(self, trial: Trial) -> dict[str, int]:
        """Storage faults pass, and what was made before one is stored: the trial goes on from there."""
        attempt = partial(
            self._run_trial, trial, self._store, self._data, progress=self._tell, should_stop=self._stop.is_set
        )
        for pause in PAUSES:
            try:
                return attempt()
            except STORAGE_FAULTS:
                self._stop.wait(pause)
        return attempt()

    def _fail(self, trial: Trial, error: str, details: str) -> None:
        try:
            # Results are made in this order: the first that is missing is the one that could not be made.
            failed = next((key for key in trial.result_keys if not self._store.has_result(key)), trial.key)
            self._store.save_failure(failure_of(trial, failed, error, details))
        except STORAGE_FAULTS as fault:
            self._events.put({"stage": "lost", "error": f"{error}; and then {_one_line(fault)}"})
        else:
            self._events.put({"stage": "failed", "error": error})

    def _tell(self, event: Mapping[str, Any]) -> None:
        if event["stage"] == "epoch":
            if time.monotonic() - self._last_epoch_event < EPOCH_EVENT_SECONDS:
                return
            self._last_epoch_event = time.monotonic()
        self._events.put(dict(event))


def _settle_memory() -> None:
    """Takes what is here between two trials, code and data that stay, out of the collector's sight.

    A trial collects garbage twice, and looking through torch and Ray took half a second of it.
    """
    gc.collect()  # so that nothing that could go stays for good
    gc.freeze()


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
