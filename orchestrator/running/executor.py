"""The executor protocol: what runs the trials of a plan, on a Ray cluster or in this process."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.dispatcher import Failure
from prunesweep.orchestrator.running.packing import Packing
from prunesweep.results_store import Store
from prunesweep.sweeps.language import Resources

if TYPE_CHECKING:
    from prunesweep.workers.data.dataset import Dataset


class Executor(Protocol):
    """What runs the trials of a plan, in processes of its own choice."""

    @property
    def is_here(self) -> bool:
        """Return whether all trials run on this machine."""

    @property
    def start_text(self) -> str:
        """Return what a session does first, in words, such as "starting Ray on this machine"."""

    def session(self, resources: Resources) -> AbstractContextManager[None]:
        """Connect to the workers on entering the context and disconnect on leaving it.

        All other methods must be called within the context. If no cluster answers, or if the cluster has no room for
        one trial, ``UserError`` is raised.
        """

    def find_packing(self, plan: Plan, data: "Dataset") -> Packing:
        """Return how many trials should share a GPU, for ``resources.gpu: auto``."""

    def capacity(self, resources: Resources) -> int:
        """Return how many trials can run at once."""

    def run(self, plan: Plan, store: Store, data: "Dataset", reporter: Reporter, *, cost: Cost) -> dict[str, Failure]:
        """Run the trials of a plan that are not done, and return the failures by the key of the failed or lost trial.

        Args:
            plan: the trials, and which of their results are stored already.
            store: where results are stored.
            data: the images, on the CPU.
            reporter: is notified of every start, event and end of a trial.
            cost: the estimated duration of a trial; the longest chains of trials start first.
        """
