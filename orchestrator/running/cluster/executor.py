"""The executor on a Ray cluster."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity
from prunesweep.orchestrator.running.cluster.driver import run_plan
from prunesweep.orchestrator.running.cluster.packing import find_packing
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.orchestrator.running.dispatcher import Failure
from prunesweep.orchestrator.running.packing import Packing
from prunesweep.results_store import Store
from prunesweep.sweeps.language import Resources

if TYPE_CHECKING:
    from prunesweep.workers.data.dataset import Dataset


@dataclass(frozen=True)
class ClusterExecutor:
    """Runs trials on the workers of a Ray cluster.

    Attributes:
        address: the address of the cluster; None starts one on this machine and ends it at the end.
        verbose: whether what Ray and the workers print is shown.
    """

    address: str | None = None
    verbose: bool = False

    @property
    def is_here(self) -> bool:
        """Return whether the cluster consists of this machine alone."""
        return self.address is None

    @property
    def start_text(self) -> str:
        """Return that Ray is started or connected to, in words."""
        return "starting Ray on this machine" if self.address is None else f"connecting to Ray at {self.address}"

    def session(self, resources: Resources) -> AbstractContextManager[None]:
        """Connect to Ray on entering the context, as ``ray_session`` does."""
        return ray_session(self.address, resources, verbose=self.verbose)

    def find_packing(self, plan: Plan, data: "Dataset") -> Packing:
        """Measure how many trials should share a GPU, as ``cluster.packing.find_packing`` does."""
        return find_packing(plan, data.arrays())

    def capacity(self, resources: Resources) -> int:
        """Return how many trials the cluster can run at once."""
        return cluster_capacity(resources)

    def run(self, plan: Plan, store: Store, data: "Dataset", reporter: Reporter, *, cost: Cost) -> dict[str, Failure]:
        """Run the trials of a plan that are not done, as ``run_plan`` does."""
        return run_plan(plan, store, data.arrays(), reporter, cost=cost)
