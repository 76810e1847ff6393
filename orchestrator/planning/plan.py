"""The plan of a sweep on a store: what will run, what is stored already, and what sharing saves."""

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
    """A sweep's trial tree, and which of its results a store already has.

    Attributes:
        sweep: the sweep.
        tree: its trials.
        results: the keys of all results in the store, those of other sweeps included.
        scores: the keys of all scores in the store.
        snapshots: the keys of all snapshots (networks from early in a baseline's training) in the store.
    """

    sweep: Sweep
    tree: TrialTree
    results: frozenset[str]
    scores: frozenset[str]
    snapshots: frozenset[str]

    def reloaded(self, store: Store) -> "Plan":
        """Return the plan of the same tree on the present content of the store.

        The tree is not grown again, and no data are fingerprinted again.
        """
        return _compare_with_store(store, self.sweep, self.tree)

    @cached_property
    def done(self) -> frozenset[str]:
        """Return the keys of the trials whose network and evaluations are all stored."""
        # Only trials with a stored network are checked: computing the keys of evaluations costs more than a lookup.
        return frozenset(key for key in self.networks if self.results.issuperset(self.tree.trials[key].result_keys))

    @cached_property
    def networks(self) -> frozenset[str]:
        """Return the keys of the trials whose network is stored."""
        return frozenset(trial.key for trial in self.tree if trial.key in self.results)

    @cached_property
    def to_run(self) -> tuple[Trial, ...]:
        """Return the trials that are not done, parents before children."""
        return tuple(trial for trial in self.tree if trial.key not in self.done)

    @property
    def shared(self) -> frozenset[str]:
        """Return the keys of the stored scores and snapshots, which siblings share."""
        return self.scores | self.snapshots

    @cached_property
    def epochs(self) -> int:
        """Return the number of epochs that will be trained."""
        return sum(trial.round.epochs for trial in self.to_run if trial.key not in self.networks)

    @cached_property
    def epochs_without_sharing(self) -> int:
        """Return how many epochs the sweep would train if every trial trained its own baseline and all its rounds."""
        return sum(trial.epochs_total for trial in self.tree)

    @cached_property
    def epochs_with_sharing(self) -> int:
        """Return how many epochs the sweep would train on an empty store."""
        return sum(trial.round.epochs for trial in self.tree)

    @property
    def baselines(self) -> int:
        """Return the number of baselines."""
        return sum(trial.is_baseline for trial in self.tree)

    @property
    def controls(self) -> int:
        """Return the number of controls."""
        return sum(trial.is_control for trial in self.tree)

    @cached_property
    def score_sets(self) -> tuple[int, int]:
        """Return how many sets of scores the sweep needs, and how many it would need if none were shared."""
        needed = [key for trial in self.tree for key in trial.score_keys.values()]
        return len(set(needed)), len(needed)


def plan_sweep(sweep: SweepSource, *, store: StoreLike = DEFAULT_STORE, overrides: Sequence[str] = ()) -> Plan:
    """Return the plan of a sweep on a store: which trials would run, and which results are stored already.

    A mistake in the arguments or in the sweep raises ``UserError``, with one line that says what to correct.

    Args:
        sweep: the name of a built-in sweep, the path of a sweep file, or a mapping with the content of such a file.
        store: a folder, an fsspec URL or an open store; a missing store counts as empty.
        overrides: values that replace those of the sweep, each as ``dotted.key=value``, like the option ``--set``.

    Example:
        >>> from prunesweep import plan_sweep
        >>> plan = plan_sweep("quickstart", store="empty")
        >>> len(plan.tree), len(plan.to_run), plan.epochs, plan.epochs_without_sharing
        (32, 32, 104, 326)
    """
    return make_plan(read_sweep(sweep, overrides), open_store(store))


def make_plan(sweep: Sweep, store: Store) -> Plan:
    """Return the plan of a sweep on a store.

    The store is listed three times, whatever the number of trials. A missing file that the sweep names raises
    ``DataError``, a store that cannot be read raises ``StoreError``, and an attack that is to run although the package
    that it needs is not installed raises ``SweepError``.
    """
    plan = _compare_with_store(store, sweep, grow_tree(sweep))
    _check_dependencies(plan)
    return plan


def _check_dependencies(plan: Plan) -> None:
    """Check that all packages that the evaluations to run need are installed.

    Raises:
        SweepError: a package is missing; the message says how to install it.
    """
    attacks = plan.sweep.attacks.chosen().items()
    missing = {name: text for name, attack in attacks if (text := attack.missing_dependency())}
    for name, text in missing.items():
        if any(trial.evaluation_key(name) not in plan.results for trial in plan.to_run):
            raise SweepError(f"attacks.{name}: {text}")


def _compare_with_store(store: Store, sweep: Sweep, tree: TrialTree) -> Plan:
    """Return the plan of a tree on the present content of a store."""
    return Plan(sweep, tree, store.result_keys(), store.score_keys(), store.snapshot_keys())
