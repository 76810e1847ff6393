"""The worker process: one Ray actor that runs trial after trial, so that torch, CUDA and the data load once."""

import gc
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, get_args

from ray import tune

from prunesweep.orchestrator.running.attempt import attempt_trial
from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import resolve
from prunesweep.sweeps.events import EpochTrained, Progress, TrialEnd, TrialEvent, WorkCounts
from prunesweep.sweeps.trial import Trial

EPOCH_EVENT_SECONDS = 2.0  # epochs are reported at most this often: each report costs the driver a little
STOP_SECONDS = 30.0
ENDS: tuple[type, ...] = get_args(TrialEnd)


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
        """Make the process ready for trials; called once in each.

        Args:
            config: names the first trial.
            trials: by key.
            store: where results go.
            data: ``Dataset.arrays()``, shared by the node's workers.
            code: the import path of the function that runs a trial, which is called as ``workers.run_trial`` is.
        """
        from prunesweep.workers.data.dataset import Dataset
        from prunesweep.workers.runtime import default_device

        self._trials = trials
        self._store = store
        self._run_trial: Callable[..., WorkCounts] = resolve(code)
        self._data = Dataset.from_arrays(data).to(default_device())
        self._thread: threading.Thread | None = None
        self._prepare(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same process."""
        self._end()
        self._prepare(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return the next event of the trial; the first step starts it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="trial", daemon=True)
            self._thread.start()
        event = self._events.get()
        return {"event": event, "done": isinstance(event, ENDS)}

    def cleanup(self) -> None:
        """Ask the trial to end after the epoch, or the batch of an attack, that it is at."""
        self._end()

    def _prepare(self, config: dict[str, Any]) -> None:
        """Be ready for a trial without starting it: Tune may give it to a worker that is free sooner, and end this."""
        _settle_memory()
        self._trial = self._trials[config["key"]]
        self._events: queue.SimpleQueue[TrialEvent | TrialEnd] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._last_epoch_event = float("-inf")
        self._thread = None

    def _end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        def run(progress: Progress) -> None:
            self._run_trial(self._trial, self._store, self._data, progress=progress, should_stop=self._stop.is_set)

        self._events.put(attempt_trial(run, self._trial, self._store, progress=self._tell, wait=self._stop.wait))

    def _tell(self, event: TrialEvent) -> None:
        if isinstance(event, EpochTrained):
            if time.monotonic() - self._last_epoch_event < EPOCH_EVENT_SECONDS:
                return
            self._last_epoch_event = time.monotonic()
        self._events.put(event)


def _settle_memory() -> None:
    """Takes what is here between two trials, code and data that stay, out of the collector's sight.

    A trial collects garbage twice, and looking through torch and Ray took half a second of it.
    """
    gc.collect()  # so that nothing that could go stays for good
    gc.freeze()
