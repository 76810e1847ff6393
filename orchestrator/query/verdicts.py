"""The verdicts that a store holds."""

from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import VERDICT_VERSION


def current_verdicts(store: Store) -> dict[str, str]:
    """The verdicts by today's rules on the trials of a store, by key."""
    verdicts = store.table("verdicts")
    current = verdicts[verdicts["version"] == VERDICT_VERSION]
    return dict(zip(current["trial_key"].astype(str), current["verdict"].astype(str), strict=True))
