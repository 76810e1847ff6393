"""The schedule of a sweep: parents before children, the longest remaining chain first, shared work only once.

The schedule does not depend on Ray: the dispatcher takes trials from it, and a test or a simulation can do so too.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection
from copy import copy

from prunesweep.orchestrator.planning.cost import Cost, epoch_cost
from prunesweep.sweeps.tree import TrialTree
from prunesweep.sweeps.trial import Trial, snapshot_key


class Schedule:
    """The order in which the unfinished trials of a tree run.

    A trial is ready when its parent's network is stored and no other trial in progress is computing the scores or the
    snapshot (a network from early in the baseline's training) that it needs. If several siblings need the same scores
    or snapshot, one sibling runs first, and the others are ready when it reports that these are stored.
    """

    def __init__(
        self,
        tree: TrialTree,
        *,
        done: Collection[str] = (),
        networks: Collection[str] = (),
        shared: Collection[str] = (),
        cost: Cost = epoch_cost,
    ) -> None:
        """Schedule the trials of a tree that are not done.

        Args:
            tree: all trials of a sweep.
            done: the keys of the trials whose network and evaluations are all stored.
            networks: the keys of the trials whose network is stored.
            shared: the keys of the scores and snapshots that are stored.
            cost: returns the estimated duration of a trial, in any unit.
        """
        self._tree = tree
        self._networks = {*networks, *done}
        self._shared = set(shared)
        self._claims: dict[str, str] = {}  # key of scores or a snapshot → key of the trial that is computing them
        self._waiting: dict[str, list[str]] = defaultdict(list)  # the same key → keys of the trials that wait for it
        self._unfinished = {trial.key for trial in tree if trial.key not in done}
        self._taken: set[str] = set()
        self._order = {key: index for index, key in enumerate(tree.trials)}
        self._chain_cost = self._longest_chains(cost)
        self._ready: list[tuple[float, int, str]] = []
        for trial in tree:
            if trial.key in self._unfinished and self._parent_is_stored(trial):
                self._push(trial.key)

    def __len__(self) -> int:
        """Return how many trials are not done yet, without those that failed or depend on a failed trial."""
        return len(self._unfinished)

    @property
    def is_over(self) -> bool:
        """Return whether no trial is left to run: each one is done, has failed or depends on a failed trial."""
        return not self._unfinished

    def copy(self) -> "Schedule":
        """Return a schedule in the same state that changes independently, to simulate what is left."""
        twin = copy(self)
        twin._networks, twin._shared, twin._claims = {*self._networks}, {*self._shared}, {**self._claims}
        twin._waiting = defaultdict(list, {shared: [*keys] for shared, keys in self._waiting.items()})
        twin._unfinished, twin._taken, twin._ready = {*self._unfinished}, {*self._taken}, [*self._ready]
        return twin

    def blockers(self) -> list[tuple[Trial, int]]:
        """Return the trials whose networks others wait for, with the number of trials that wait.

        A trial that waits for several ancestors counts for the earliest of them that has no network yet. The trials
        with most others waiting come first.
        """
        blocker_of: dict[str, str] = {}
        for trial in self._tree:  # parents before children
            if trial.key in self._unfinished and not self._parent_is_stored(trial):
                assert trial.parent is not None
                blocker_of[trial.key] = blocker_of.get(trial.parent.key, trial.parent.key)
        counts = Counter(blocker_of.values())
        return [(self._tree.trials[key], waiting) for key, waiting in counts.most_common()]

    def take(self) -> Trial | None:
        """Return the next trial to run, or None while none is ready."""
        while self._ready:
            _, _, key = heapq.heappop(self._ready)
            trial = self._tree.trials[key]
            if key in self._taken or key not in self._unfinished or self._must_wait(trial):
                continue
            self._taken.add(key)
            for shared in self._missing_shared(trial):
                self._claims[shared] = key
            return trial
        return None

    def has_network(self, key: str) -> bool:
        """Return whether the network of a trial is stored."""
        return key in self._networks

    def mark_shared_stored(self, key: str) -> None:
        """Record that a trial's scores and snapshot are stored, so that its siblings need not wait for them."""
        self._shared |= set(self._tree.trials[key].shared_keys)
        self._release(key)

    def mark_network_stored(self, key: str) -> None:
        """Record that a trial's network is stored, so that its children can start."""
        if key in self._networks:
            return
        self._networks.add(key)
        trial = self._tree.trials[key]
        self._shared |= {snapshot_key(trial, epoch) for epoch in trial.snapshot_epochs}  # stored during training
        self.mark_shared_stored(key)
        for child in self._tree.children[key]:
            if child in self._unfinished:
                self._push(child)

    def mark_done(self, key: str) -> None:
        """Record that a trial is done."""
        self.mark_network_stored(key)
        self._unfinished.discard(key)

    def mark_failed(self, key: str) -> list[Trial]:
        """Record that a trial failed, and return the descendants that cannot run without its network."""
        self._release(key)
        self._unfinished.discard(key)
        if key in self._networks:
            return []
        dependents = self._descendants_without_network(key)
        self._unfinished.difference_update(dependents)
        return [self._tree.trials[dependent] for dependent in dependents]

    def _must_wait(self, trial: Trial) -> bool:
        """Return whether a trial must wait for scores or a snapshot that another trial is computing.

        If so, the trial is added to those that wait for them.
        """
        for shared in self._missing_shared(trial):
            if shared in self._claims:
                self._waiting[shared].append(trial.key)
                return True
        return False

    def _missing_shared(self, trial: Trial) -> list[str]:
        """Return the keys of the scores and the snapshot that a trial needs and that are not stored."""
        if trial.key in self._networks:
            return []
        return [shared for shared in trial.shared_keys if shared not in self._shared]

    def _release(self, key: str) -> None:
        """End a trial's claim to compute its scores and snapshot, and make the trials that waited for them ready."""
        for shared in self._tree.trials[key].shared_keys:
            if self._claims.get(shared) == key:
                del self._claims[shared]
                for waiting in self._waiting.pop(shared, []):
                    self._push(waiting)

    def _push(self, key: str) -> None:
        """Add a trial to the heap of ready trials; the one with the most expensive chain below it comes first."""
        heapq.heappush(self._ready, (-self._chain_cost[key], self._order[key], key))

    def _parent_is_stored(self, trial: Trial) -> bool:
        """Return whether a trial needs no parent's network, or that network is stored."""
        return trial.parent is None or trial.key in self._networks or trial.parent.key in self._networks

    def _descendants_without_network(self, key: str) -> list[str]:
        """Return the keys of a trial's unfinished descendants that cannot run without its network.

        The search stops at a stored network, whose descendants need none of its ancestors, and at a failed trial,
        whose descendants were recorded together with that trial.
        """
        descendants: list[str] = []
        stack = [key]
        while stack:
            children = self._tree.children[stack.pop()]
            blocked = [child for child in children if child in self._unfinished and child not in self._networks]
            descendants += blocked
            stack += blocked
        return descendants

    def _longest_chains(self, cost: Cost) -> dict[str, float]:
        """Return, by trial key, the cost of the most expensive chain that begins with the trial.

        A chain goes from parent to child, and trials that are done cost nothing.
        """
        longest: dict[str, float] = {}
        for key in reversed(list(self._tree.trials)):
            below = max((longest[child] for child in self._tree.children[key]), default=0.0)
            longest[key] = below + (cost(self._tree.trials[key]) if key in self._unfinished else 0.0)
        return longest
