"""The command ``prunesweep run``."""

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
        typer.Option(
            metavar="ADDR",
            help="The address of a Ray cluster; without one, Ray is started on this machine and ended with the sweep.",
        ),
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run one trial after another in this process, without Ray.")
    ] = False,
    set_: Overrides = None,
) -> None:
    """Run the trials of a sweep that are not done, then print the Pareto front.

    Exit status: 0 all done, 1 some trials failed, 2 bad usage, 130 interrupted by Ctrl-C, 143 by SIGTERM.

    Raises:
        Exit: always, with the exit status.
    """
    from prunesweep.orchestrator.display.reporter import describe_work
    from prunesweep.orchestrator.query.descriptions import dependents_note
    from prunesweep.orchestrator.running.run import run_sweep
    from prunesweep.sweeps.words import counted

    output = console()
    ran = run_sweep(sweep, store=store, address=address, in_process=in_process, overrides=set_ or (), console=output)
    done, stored = len(ran.plan.to_run) - ran.failed - ran.unfinished, len(ran.plan.done)
    were = "was" if stored == 1 else "were"
    print(f"{counted(done, 'trial')} run, {stored:,} {were} stored already, {ran.failed:,} failed")
    print(f"work done: {describe_work(ran.work)}")
    for key, failure in ran.failures.items():
        note = dependents_note(len(failure.dependents))
        print(f"failed: {key} {ran.plan.tree.trials[key].describe()}{note}: {failure.error}")
    if ran.interrupted_by is not None:
        print(f"interrupted with {counted(ran.unfinished, 'trial')} unfinished; run the same command again to continue")
    _print_front(ran.plan.sweep.name, ran.store, output)
    print(f"results: pandas.read_parquet({ran.store.objects.path('trials')!r})")
    if ran.interrupted_by is not None:
        raise typer.Exit(ENDED_BY_SIGNAL + ran.interrupted_by)
    raise typer.Exit(SOME_FAILED if ran.failures else SUCCESS)


def _print_front(sweep: str, store: "Store", output: Console) -> None:
    """Print the Pareto front of one sweep's trials, or the reason why there is no front."""
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.front import front_view
    from prunesweep.orchestrator.query.errors import SelectionError
    from prunesweep.orchestrator.selection.pareto import pareto_front

    try:
        print_view(front_view(pareto_front(store, sweep=sweep)), output)
    except SelectionError as error:
        print(f"no Pareto front: {error}")
