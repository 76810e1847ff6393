"""Draws how far the sweeps of a store are."""

from collections.abc import Sequence

from rich.table import Table

from prunesweep.orchestrator.query.sweep_states import SweepState


def status_table(states: Sequence[SweepState]) -> Table:
    """Return a row per sweep of a store."""
    table = Table("sweep", "trials", "done", "failed", "to run")
    for state in states:
        counts = (state.trials, state.done, state.failed, state.to_run)
        table.add_row(state.name, *map(str, counts))
    return table
