"""Rendering the progress of a store's sweeps."""

from collections.abc import Sequence

from rich.table import Table

from prunesweep.orchestrator.query.sweep_states import SweepState


def render_sweep_states(states: Sequence[SweepState]) -> Table:
    """Return a view with one row per sweep: its numbers of trials in all, done, failed and to run."""
    view = Table("sweep", "trials", "done", "failed", "to run")
    for state in states:
        counts = (state.trials, state.done, state.failed, state.to_run)
        view.add_row(state.name, *map(str, counts))
    return view
