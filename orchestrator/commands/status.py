"""The command ``prunesweep status``."""

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl, console

EXAMPLE = "prunesweep status --store store"


def status(store: StoreUrl = DEFAULT_STORE) -> None:
    """Show the progress of a store's sweeps, and which trials failed."""
    from prunesweep.orchestrator.display.sweep_states import render_sweep_states
    from prunesweep.orchestrator.query.sweep_states import failure_lines, sweep_states
    from prunesweep.results_store import existing_store

    opened = existing_store(store)
    console().print(render_sweep_states(sweep_states(opened)))
    for line in failure_lines(opened):
        print(line)
