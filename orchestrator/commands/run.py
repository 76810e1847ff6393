"""``prunesweep run``."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import (
    ENDED_BY_SIGNAL,
    SOME_FAILED,
    SUCCESS,
    Overrides,
    StoreUrl,
    SweepName,
    console,
)

if TYPE_CHECKING:
    from prunesweep.results_store import Store

EXAMPLE = "prunesweep run quickstart --set seeds=[0,1] --set resources.workers=2"


def run(
    sweep: SweepName,
    store: StoreUrl = DEFAULT_STORE,
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="A Ray cluster; without one, Ray is started here and ended at the end."),
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run one trial after another in this process, without Ray.")
    ] = False,
    set_: Overrides = None,
) -> None:
    """Run what a sweep still needs, then print the Pareto front.

    Exit status: 0 all done, 1 some trials failed, 2 bad usage, 130 interrupted by Ctrl-C, 143 by SIGTERM.
    """
    from prunesweep.orchestrator.display.reporter import in_words
    from prunesweep.orchestrator.query.descriptions import fell_with_it
    from prunesweep.orchestrator.running.run import run_sweep
    from prunesweep.sweeps.words import counted

    shown_on = console()
    ran = run_sweep(sweep, store=store, address=address, in_process=in_process, overrides=set_ or (), console=shown_on)
    done, stored = len(ran.plan.to_run) - ran.failed - ran.unfinished, len(ran.plan.done)
    were = "was" if stored == 1 else "were"
    print(f"{counted(done, 'trial')} run, {stored:,} {were} stored already, {ran.failed:,} failed")
    print(f"made: {in_words(ran.made)}")
    for key, failure in ran.failures.items():
        also = fell_with_it(len(failure.fallen))
        print(f"failed: {key} {ran.plan.tree.trials[key].describe()}{also}: {failure.error}")
    if ran.interrupted_by is not None:
        print(f"interrupted with {counted(ran.unfinished, 'trial')} to go; run the same command again to go on")
    _print_front_of(ran.plan.sweep.name, ran.store, shown_on)
    print(f"results: pandas.read_parquet({ran.store.objects.path('trials')!r})")
    if ran.interrupted_by is not None:
        raise typer.Exit(ENDED_BY_SIGNAL + ran.interrupted_by)
    raise typer.Exit(SOME_FAILED if ran.failures else SUCCESS)


def _print_front_of(sweep: str, store: "Store", shown_on: Console) -> None:
    """The front of one sweep's trials, where there is one."""
    from prunesweep.orchestrator.display.front import front_table
    from prunesweep.orchestrator.selection import SelectionError
    from prunesweep.orchestrator.selection.pareto import pareto_front

    try:
        shown_on.print(front_table(pareto_front(store, sweep=sweep)))
    except SelectionError as error:
        print(f"no Pareto front: {error}")
