"""``prunesweep plan``."""

from typing import Annotated

import typer

from orchestrator import DEFAULT_STORE
from orchestrator.commands.shared import Overrides, StoreUrl, SweepName

EXAMPLE = "prunesweep plan quickstart"


def plan(
    sweep: SweepName,
    store: StoreUrl = DEFAULT_STORE,
    set_: Overrides = None,
    trials: Annotated[bool, typer.Option("--trials", help="List every trial.")] = False,
) -> None:
    """Show what a sweep would run, what is stored already and what sharing saves."""
    from orchestrator.plan import make_plan, read_timings
    from orchestrator.tables import plan_lines, trial_lines
    from results_store import Store
    from sweeps.reader import read_sweep

    opened = Store(store)
    made = make_plan(read_sweep(sweep, set_ or ()), opened)
    timings = read_timings(opened, made.sweep.dataset.name) if made.results else None
    for line in [*plan_lines(made, timings), *(trial_lines(made) if trials else ())]:
        print(line)
