"""``prunesweep status``."""

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl, console

EXAMPLE = "prunesweep status --store store"


def status(store: StoreUrl = DEFAULT_STORE) -> None:
    """Show how far the sweeps of a store are, and which trials failed."""
    from prunesweep.orchestrator.display.sweep_states import status_table
    from prunesweep.orchestrator.query.sweep_states import failures_of, sweep_states
    from prunesweep.results_store import existing_store

    opened = existing_store(store)
    console().print(status_table(sweep_states(opened)))
    for line in failures_of(opened):
        print(line)
