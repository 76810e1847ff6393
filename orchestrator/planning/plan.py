"""The plan of a sweep on a store: what will run, what is there already, and what sharing saves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.results_store import Store, StoreLike, open_store
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import SweepSource, read_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree
from prunesweep.sweeps.trial import Trial


@dataclass(frozen=True)
class Plan:
    """A sweep's tree held against a store: which results, scores and snapshots are stored."""

    sweep: Sweep
    tree: TrialTree
    results: frozenset[str]
    scores: frozenset[str]
    snapshots: frozenset[str]

    def again(self, store: Store) -> "Plan":
        """The same tree held against the store as it is now: neither grown nor fingerprinted anew."""
        return _hold_against(store, self.sweep, self.tree)

    @cached_property
    def done(self) -> frozenset[str]:
        """The trials whose network and evaluations are all stored."""
        # By its network first: the keys of evaluations take longer to make than to look up.
        return frozenset(key for key in self.networks if self.results.issuperset(self.tree.trials[key].result_keys))

    @cached_property
    def networks(self) -> frozenset[str]:
        """The trials whose network is stored."""
        return frozenset(trial.key for trial in self.tree if trial.key in self.results)

    @cached_property
    def to_run(self) -> tuple[Trial, ...]:
        """The trials that need something."""
        return tuple(trial for trial in self.tree if trial.key not in self.done)

    @property
    def shared(self) -> frozenset[str]:
        """The scores and snapshots that are stored."""
        return self.scores | self.snapshots

    @cached_property
    def epochs(self) -> int:
        """Epochs that will be trained."""
        return sum(trial.round.epochs for trial in self.to_run if trial.key not in self.networks)

    @cached_property
    def epochs_without_sharing(self) -> int:
        """Epochs of the sweep if every trial trained its own baseline and all its rounds."""
        return sum(trial.epochs_total for trial in self.tree)

    @cached_property
    def epochs_with_sharing(self) -> int:
        """Epochs of the sweep on an empty store."""
        return sum(trial.round.epochs for trial in self.tree)

    @property
    def baselines(self) -> int:
        return sum(trial.is_baseline for trial in self.tree)

    @property
    def controls(self) -> int:
        return sum(trial.is_control for trial in self.tree)

    @cached_property
    def score_sets(self) -> tuple[int, int]:
        """How many sets of scores the sweep needs, and how many it would need if none were shared."""
        needed = [key for trial in self.tree for key in trial.score_keys.values()]
        return len(set(needed)), len(needed)


def plan_sweep(sweep: SweepSource, *, store: StoreLike = DEFAULT_STORE, overrides: Sequence[str] = ()) -> Plan:
    """Return what a sweep would run on a store, and what of it is stored already.

    Args:
        sweep: the name of a built-in sweep, the path of a sweep file, or a mapping of what such a file holds.
        store: a folder, an fsspec URL or an open store; one that is not there yet is empty.
        overrides: ``dotted.key=value``, as ``--set`` takes them.

    Raises:
        UserError: something to put right, in one line.

    Example:
        >>> from prunesweep import plan_sweep
        >>> plan = plan_sweep("quickstart", store="empty")
        >>> len(plan.tree), len(plan.to_run), plan.epochs, plan.epochs_without_sharing
        (32, 32, 104, 326)
    """
    return make_plan(read_sweep(sweep, overrides), open_store(store))


def make_plan(sweep: Sweep, store: Store) -> Plan:
    """Holds a sweep against a store: three listings, whatever the number of trials.

    Raises:
        DataError: a file that the sweep names is missing.
        StoreError: the store cannot be read.
        SweepError: an attack that is to run needs a package that is not installed.
    """
    plan = _hold_against(store, sweep, grow_tree(sweep))
    _check_installed(plan)
    return plan


def _check_installed(plan: Plan) -> None:
    lacking = {name: text for name, attack in plan.sweep.attacks.chosen().items() if (text := attack.missing())}
    for name, text in lacking.items():
        if any(trial.evaluation_key(name) not in plan.results for trial in plan.to_run):
            raise SweepError(f"attacks.{name}: {text}")


def _hold_against(store: Store, sweep: Sweep, tree: TrialTree) -> Plan:
    return Plan(sweep, tree, store.result_keys(), store.score_keys(), store.snapshot_keys())
