"""The executor: what runs the trials of a plan. One is a Ray cluster, the other this process."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.dispatcher import Failure
from prunesweep.orchestrator.running.packing import Packing
from prunesweep.results_store import Store
from prunesweep.sweeps.language import Resources

if TYPE_CHECKING:
    from prunesweep.workers.data.dataset import Dataset


class Executor(Protocol):
    """Runs trials, in whatever processes it has.

    Attributes:
        is_here: whether they run on this machine alone.
    """

    @property
    def is_here(self) -> bool: ...

    def session(self, resources: Resources) -> AbstractContextManager[None]:
        """Connect, and disconnect at the end; the other methods are called in between.

        Raises:
            UserError: there is nothing to connect to, or it has no room for one trial.
        """

    def find_packing(self, plan: Plan, data: "Dataset") -> Packing:
        """Return how many trials should share a GPU, for ``resources.gpu: auto``."""

    def capacity(self, resources: Resources) -> int:
        """Return how many trials can run at once."""

    def run(self, plan: Plan, store: Store, data: "Dataset", reporter: Reporter, *, cost: Cost) -> dict[str, Failure]:
        """Run what a plan needs, and return the trials that failed or were lost, by key.

        Args:
            plan: the trials, and what of them is stored.
            store: where results go.
            data: the images, on the CPU.
            reporter: told of everything.
            cost: how long a trial takes, by which the longest chains go first.
        """
