"""The progress of a store's sweeps as a table, and of the runs that are at work as views."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from prunesweep.orchestrator.display.status import describe_time_left, render_status
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
from prunesweep.orchestrator.query.run_states import SLOW, describe_run, run_state
from prunesweep.orchestrator.query.sweep_states import SweepState
from prunesweep.results_store.sweep_status import RUNNING, SweepStatus


def states_view(states: Sequence[SweepState], statuses: Mapping[str, SweepStatus]) -> TableView:
    """Return the progress of a store's sweeps as a table with one row per sweep.

    Args:
        states: the progress of each sweep.
        statuses: the status of each sweep's latest run, by the name of the sweep.
    """
    left = [
        describe_time_left(statuses[state.name]) if state.run in (RUNNING, SLOW) and state.name in statuses else ""
        for state in states
    ]
    counts = {
        "trials": [state.trials for state in states],
        "done": [state.done for state in states],
        "failed": [state.failed for state in states],
        "to run": [state.to_run for state in states],
    }
    return TableView(
        title="Sweeps of this store",
        columns=[
            ViewColumn("sweep", [state.name for state in states], wraps=True),
            *(ViewColumn(name, [f"{count:,}" for count in column], is_number=True) for name, column in counts.items()),
            ViewColumn("latest run", [state.run or "unknown" for state in states], rank=1),
            ViewColumn("time left", left, wraps=True, rank=2),
        ],
        frame=pd.DataFrame([{**state._asdict(), "to_run": state.to_run} for state in states]),
        records=[{**state._asdict(), "to_run": state.to_run, "status": statuses.get(state.name)} for state in states],
    )


def render_runs(statuses: Sequence[SweepStatus], width: int, height: int) -> RenderableType:
    """Return a view of the runs that are at work, and a line about each that is slow or dead.

    Args:
        statuses: the status of each sweep's latest run.
        width: the width of the terminal.
        height: the height of the terminal.
    """
    states = [(status, run_state(status)) for status in statuses]
    at_work = [status for status, state in states if state in (RUNNING, SLOW)]
    views = [render_status(status, width, height // max(len(at_work), 1)) for status in at_work]
    lines = [Text(line) for status, state in states if (line := describe_run(status, state))]
    return Group(*views, *lines)


def status_lines(statuses: Sequence[SweepStatus]) -> Iterator[str]:
    """Yield one line per run with its counts and the time that is left, for logs."""
    for status in statuses:
        state = run_state(status)
        left = f", {describe_time_left(status)}" if state in (RUNNING, SLOW) else ""
        yield (
            f"{status['sweep']}: {state}: {status['done']:,} done, {status['running']:,} running, "
            f"{status['waiting']:,} waiting, {status['failed']:,} failed{left}"
        )
