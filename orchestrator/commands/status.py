"""The command ``prunesweep status``."""

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsCsv, AsJson, StoreUrl, Wide, console, table_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunesweep.results_store import Store
    from prunesweep.results_store.sweep_status import SweepStatus

EXAMPLE = "prunesweep status --store store --watch"
WATCH_SECONDS = 2.0


def status(
    store: StoreUrl = DEFAULT_STORE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep showing the runs that are at work, until the last of them ends.")
    ] = False,
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show how far the sweeps of a store are, what runs at the moment on whatever machine, and what failed.

    A run is running, slow (its driver is there but silent), dead (its driver is gone), finished, interrupted (by a
    signal) or broken (by an error).
    """
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.sweep_states import render_runs, states_view
    from prunesweep.orchestrator.query.sweep_states import failure_lines, statuses, sweep_states
    from prunesweep.results_store import existing_store

    chosen, output = table_format(wide, as_csv, as_json), console()
    opened = existing_store(store)
    if watch:
        _watch(opened, output)
    latest = statuses(opened)
    print_view(states_view(sweep_states(opened, latest), latest), output, chosen)
    if chosen in ("table", "wide"):
        output.print(render_runs([*latest.values()], output.width, output.height))
        for line in failure_lines(opened):
            print(line)


def _watch(store: "Store", output: Console) -> None:
    """Show the runs that are at work until the last of them ends, in a live view or as lines with their time."""
    if output.is_terminal and not output.is_dumb_terminal:
        from rich.live import Live

        from prunesweep.orchestrator.display.sweep_states import render_runs

        with Live(console=output, auto_refresh=False, transient=True) as live:
            for latest in _statuses_at_work(store):
                live.update(render_runs(latest, output.width, output.height), refresh=True)
        return

    from prunesweep.orchestrator.display.sweep_states import status_lines

    shown: list[str] = []
    for latest in _statuses_at_work(store):
        lines = list(status_lines(latest))
        for line in lines if lines != shown else []:
            print(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}", flush=True)
        shown = lines


def _statuses_at_work(store: "Store") -> "Iterator[list[SweepStatus]]":
    """Yield the statuses of all sweeps again and again, as long as a run is at work."""
    from prunesweep.orchestrator.query.run_states import SLOW, run_state
    from prunesweep.orchestrator.query.sweep_states import statuses
    from prunesweep.results_store.sweep_status import RUNNING

    while True:
        latest = [*statuses(store).values()]
        if not any(run_state(status) in (RUNNING, SLOW) for status in latest):
            return
        yield latest
        time.sleep(WATCH_SECONDS)
