"""The executor in this process: one trial after another, without Ray, for debuggers, notebooks and tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from prunesweep.orchestrator.display.reporting.reporter import Reporter
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
    """Runs trials in this process, in the order of the schedule, on the GPU if this process may use one.

    Breakpoints work, and an unexpected error ends the run with its traceback.
    """

    is_here = True
    start_text = "preparing this process"

    @contextmanager
    def session(self, resources: Resources) -> Iterator[None]:
        """Connect to nothing: trials run in this process."""
        yield

    def find_packing(self, plan: Plan, data: "Dataset") -> Packing:
        """Return that one trial at a time uses the GPU, or that trials run on the CPU if there is no GPU."""
        from prunesweep.workers.runtime import default_device

        has_gpu = default_device().type == "cuda"
        return Packing(int(has_gpu), "in this process they run one after another")

    def capacity(self, resources: Resources) -> int:
        """Return 1, because trials run one after another."""
        return 1

    def run(self, plan: Plan, store: Store, data: "Dataset", reporter: Reporter, *, cost: Cost) -> dict[str, Failure]:
        """Run the trials of a plan that are not done, as ``Executor.run`` does; Ctrl-C leaves the rest for later."""
        from prunesweep.workers.runtime import default_device

        dispatcher = Dispatcher.of(plan, store, reporter, cost)
        data_on_device = data.to(default_device())
        try:
            while (trial := dispatcher.take()) is not None:
                dispatcher.record_end(trial, self._attempt(trial, store, data_on_device, dispatcher))
        except KeyboardInterrupt:
            reporter.say("interrupted")
        return dispatcher.failures

    def _attempt(self, trial: Trial, store: Store, data: "Dataset", dispatcher: Dispatcher) -> TrialEnd:
        """Run one trial and return how it ended, raising unexpected errors."""
        from prunesweep.workers.trial import run_trial

        def run(progress: Progress) -> None:
            run_trial(trial, store, data, progress=progress)

        return attempt_trial(
            run, trial, store, progress=partial(dispatcher.record_event, trial), wait=time.sleep, raise_bugs=True
        )
