"""The executor in this process: one trial after another, without Ray, for debuggers, notebooks and tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.attempt import attempt_trial
from prunesweep.orchestrator.running.dispatcher import Dispatcher, Failure
from prunesweep.orchestrator.running.packing import Packing
from prunesweep.results_store import Store
from prunesweep.sweeps.events import Progress, TrialEnd
from prunesweep.sweeps.language import Resources
from prunesweep.sweeps.trial import Trial

if TYPE_CHECKING:
    from prunesweep.workers.data.dataset import Dataset


class InProcessExecutor:
    """Runs trials here, in the order of the schedule, on the GPU where this process may use one.

    Breakpoints work, and an error that nobody expected ends the run with its traceback.
    """

    is_here = True

    @contextmanager
    def session(self, resources: Resources) -> Iterator[None]:
        """Connect to nothing."""
        yield

    def find_packing(self, plan: Plan, data: "Dataset") -> Packing:
        """Return one trial per GPU, or none where there is no GPU."""
        from prunesweep.workers.runtime import default_device

        has_gpu = default_device().type == "cuda"
        return Packing(int(has_gpu), "in this process they run one after another")

    def capacity(self, resources: Resources) -> int:
        """Return 1."""
        return 1

    def run(self, plan: Plan, store: Store, data: "Dataset", reporter: Reporter, *, cost: Cost) -> dict[str, Failure]:
        """Run what a plan needs; see ``Executor.run``. Ctrl-C leaves the rest for the next run."""
        from prunesweep.workers.runtime import default_device

        dispatcher = Dispatcher.of(plan, store, reporter, cost)
        placed = data.to(default_device())
        try:
            while (trial := dispatcher.take()) is not None:
                dispatcher.end(trial, self._attempt(trial, store, placed, dispatcher))
        except KeyboardInterrupt:
            reporter.say("interrupted")
        return dispatcher.failures

    def _attempt(self, trial: Trial, store: Store, data: "Dataset", dispatcher: Dispatcher) -> TrialEnd:
        from prunesweep.workers.trial import run_trial

        def run(progress: Progress) -> None:
            run_trial(trial, store, data, progress=progress)

        return attempt_trial(
            run, trial, store, progress=partial(dispatcher.note, trial), wait=time.sleep, raise_bugs=True
        )
