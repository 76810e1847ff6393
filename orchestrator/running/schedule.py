"""Which trial goes next: parents before children, the longest remaining chain first, nothing made twice.

Knows nothing of Ray: the searcher of ``running.cluster`` asks it, and so can a test or a simulation.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection

from prunesweep.orchestrator.planning.cost import Cost, epochs_of
from prunesweep.sweeps.tree import TrialTree
from prunesweep.sweeps.trial import Trial, snapshot_key


class Schedule:
    """The trials of a tree that are not done, handed out one by one.

    A trial is ready when its parent's network is stored and nobody else is making the scores or the snapshot that
    it shares with siblings: of those that share, one goes ahead and the rest follow when it reports them stored.
    """

    def __init__(
        self,
        tree: TrialTree,
        *,
        done: Collection[str] = (),
        networks: Collection[str] = (),
        shared: Collection[str] = (),
        cost: Cost = epochs_of,
    ) -> None:
        """Args:
        done: keys of the trials that need nothing.
        networks: keys of the trials whose network is stored.
        shared: keys of the scores and snapshots that are stored.
        cost: of every trial; estimates will do.
        """
        self._tree = tree
        self._networks = {*networks, *done}
        self._shared = set(shared)
        self._claims: dict[str, str] = {}  # what is being made → the trial that makes it
        self._waiting: dict[str, list[str]] = defaultdict(list)  # what is being made → who waits for it
        self._open = {trial.key for trial in tree if trial.key not in done}
        self._taken: set[str] = set()
        self._order = {key: number for number, key in enumerate(tree.trials)}
        self._chain = self._longest_chains(cost)
        self._ready: list[tuple[float, int, str]] = []
        for trial in tree:
            if trial.key in self._open and self._parent_is_stored(trial):
                self._push(trial.key)

    def __len__(self) -> int:
        """How many trials are neither done nor failed."""
        return len(self._open)

    @property
    def is_over(self) -> bool:
        return not self._open

    def take(self) -> Trial | None:
        """The next trial to run, or None while none is ready."""
        while self._ready:
            _, _, key = heapq.heappop(self._ready)
            trial = self._tree.trials[key]
            if key in self._taken or key not in self._open or self._must_wait(trial):
                continue
            self._taken.add(key)
            for shared in self._unmade(trial):
                self._claims[shared] = key
            return trial
        return None

    def made_shared(self, key: str) -> None:
        """The trial's scores and snapshot are stored: siblings need not wait any longer."""
        self._shared |= set(self._tree.trials[key].shared_keys)
        self._release(key)

    def made_network(self, key: str) -> None:
        """The trial's network is stored: its children can start."""
        if key in self._networks:
            return
        self._networks.add(key)
        trial = self._tree.trials[key]
        self._shared |= {snapshot_key(trial, epoch) for epoch in trial.snapshot_epochs}  # stored while it trained
        self.made_shared(key)
        for child in self._tree.children[key]:
            if child in self._open:
                self._push(child)

    def finished(self, key: str) -> None:
        """The trial is done."""
        self.made_network(key)
        self._open.discard(key)

    def failed(self, key: str) -> list[Trial]:
        """The trial cannot be done. Returns the descendants that cannot be either, for want of its network."""
        self._release(key)
        self._open.discard(key)
        if key in self._networks:
            return []
        lost = self._descendants_without_network(key)
        self._open.difference_update(lost)
        return [self._tree.trials[descendant] for descendant in lost]

    def _must_wait(self, trial: Trial) -> bool:
        """Whether someone else is making what the trial needs; if so, the trial is put where it will be found."""
        for shared in self._unmade(trial):
            if shared in self._claims:
                self._waiting[shared].append(trial.key)
                return True
        return False

    def _unmade(self, trial: Trial) -> list[str]:
        if trial.key in self._networks:
            return []
        return [shared for shared in trial.shared_keys if shared not in self._shared]

    def _release(self, key: str) -> None:
        for shared in self._tree.trials[key].shared_keys:
            if self._claims.get(shared) == key:
                del self._claims[shared]
                for waiting in self._waiting.pop(shared, []):
                    self._push(waiting)

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (-self._chain[key], self._order[key], key))

    def _parent_is_stored(self, trial: Trial) -> bool:
        return trial.parent is None or trial.key in self._networks or trial.parent.key in self._networks

    def _descendants_without_network(self, key: str) -> list[str]:
        """Those open: what hangs on a stored network needs no ancestor of it, and below a failure all are closed."""
        found: list[str] = []
        below = [key]
        while below:
            children = [c for c in self._tree.children[below.pop()] if c in self._open and c not in self._networks]
            found += children
            below += children
        return found

    def _longest_chains(self, cost: Cost) -> dict[str, float]:
        """For each trial, what it and the dearest chain of open trials below it cost."""
        longest: dict[str, float] = {}
        for key in reversed(list(self._tree.trials)):
            below = max((longest[child] for child in self._tree.children[key]), default=0.0)
            longest[key] = below + (cost(self._tree.trials[key]) if key in self._open else 0.0)
        return longest
