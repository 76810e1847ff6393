"""Reads the stored verdicts: whether stronger attacks confirm a trial's gain in robustness over its baseline."""

from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import VERDICT_VERSION


def current_verdicts(store: Store) -> dict[str, str]:
    """Return the stored verdicts by trial key, without verdicts by older versions of the rules."""
    verdicts = store.table("verdicts")
    current = verdicts[verdicts["version"] == VERDICT_VERSION]
    return dict(zip(current["trial_key"].astype(str), current["verdict"].astype(str), strict=True))
