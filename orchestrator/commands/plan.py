"""The command ``prunesweep plan``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import Overrides, StoreUrl, SweepName

EXAMPLE = "prunesweep plan quickstart"


def plan(
    sweep: SweepName,
    store: StoreUrl = DEFAULT_STORE,
    set_: Overrides = None,
    trials: Annotated[bool, typer.Option("--trials", help="List every trial.")] = False,
) -> None:
    """Show what a sweep would run, what is stored already, what sharing saves and how long it takes."""
    from prunesweep.orchestrator.display.plan import plan_lines, time_lines, trial_lines
    from prunesweep.orchestrator.planning.plan import make_plan
    from prunesweep.orchestrator.planning.timings import estimate_plan
    from prunesweep.results_store import Store
    from prunesweep.results_store.run_times import load_run_times
    from prunesweep.sweeps.notes import sweep_notes
    from prunesweep.sweeps.reader import read_sweep

    opened = Store(store)
    sweep_plan = make_plan(read_sweep(sweep, set_ or ()), opened)
    times = time_lines(sweep_plan, estimate_plan(sweep_plan, opened), load_run_times(opened.objects))
    listed_trials = trial_lines(sweep_plan) if trials else ()
    for line in [*plan_lines(sweep_plan), *sweep_notes(sweep_plan.sweep), *times, *listed_trials]:
        print(line)
