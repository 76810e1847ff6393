"""The worker process: one Ray actor that runs trial after trial, so that torch, CUDA and the data load only once."""

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

EPOCH_EVENT_SECONDS = 2.0  # least time between two reported epochs: each report takes some of the driver's time
STOP_SECONDS = 30.0
ENDS: tuple[type, ...] = get_args(TrialEnd)


class TrialActor(tune.Trainable):
    """A Ray actor that runs each trial in a thread; ``step`` waits for the trial's next event and hands it to Tune."""

    def setup(
        self,
        config: dict[str, Any],
        trials: Mapping[str, Trial],
        store: Store,
        data: Mapping[str, Any],
        code: str,
    ) -> None:
        """Prepare the process for its trials; Tune calls this once per process.

        Args:
            config: ``{"key": KEY}``, with the key of the first trial.
            trials: all trials of the plan, by key.
            store: where results are stored.
            data: the data set as ``Dataset.arrays()`` returns it, in memory that the workers of a node share.
            code: the import path of the function that runs a trial, with the signature of ``workers.run_trial``.
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
        """Prepare the next trial in the same process, and return True, which tells Tune that this is possible."""
        self._stop_thread()
        self._prepare(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return the next event of the trial; the first step starts the trial."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="trial", daemon=True)
            self._thread.start()
        event = self._events.get()
        return {"event": event, "done": isinstance(event, ENDS)}

    def cleanup(self) -> None:
        """Ask the trial to stop after its current epoch, or its current batch of an attack."""
        self._stop_thread()

    def _prepare(self, config: dict[str, Any]) -> None:
        """Prepare a trial without starting it.

        The first ``step`` starts it: before that, Tune may still give the trial to a worker that is free sooner, and
        end this worker.
        """
        _freeze_memory()
        self._trial = self._trials[config["key"]]
        self._events: queue.SimpleQueue[TrialEvent | TrialEnd] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._last_epoch_event = float("-inf")
        self._thread = None

    def _stop_thread(self) -> None:
        """Ask the trial's thread to stop, and wait for it at most ``STOP_SECONDS``."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        """Run the trial, and queue its events and its end; this is what the thread executes."""

        def run(progress: Progress) -> None:
            self._run_trial(self._trial, self._store, self._data, progress=progress, should_stop=self._stop.is_set)

        end = attempt_trial(run, self._trial, self._store, progress=self._queue_event, wait=self._stop.wait)
        self._events.put(end)

    def _queue_event(self, event: TrialEvent) -> None:
        """Queue an event for ``step``, leaving out epochs that follow too soon on the last one reported."""
        if isinstance(event, EpochTrained):
            if time.monotonic() - self._last_epoch_event < EPOCH_EVENT_SECONDS:
                return
            self._last_epoch_event = time.monotonic()
        self._events.put(event)


def _freeze_memory() -> None:
    """Exempt all objects that are alive between two trials from garbage collection.

    They are code and data that stay. A trial collects garbage twice, and scanning the objects of torch and Ray took
    half a second of each trial.
    """
    gc.collect()  # garbage that is frozen would never be freed
    gc.freeze()
