"""The command ``prunesweep run``."""

from contextlib import suppress
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
    from prunesweep.orchestrator.display.reporting.reporter import Reporter
    from prunesweep.orchestrator.running.run import SweepRun

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
    log: Annotated[
        str,
        typer.Option(
            metavar="auto|live|plain|json",
            help="How progress is shown; auto is a live view on a terminal, and a line per event elsewhere.",
        ),
    ] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show failures and the result alone.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every event, and what Ray prints.")] = False,
) -> None:
    """Run the trials of a sweep that are not done, then print the Pareto front.

    Exit status: 0 all done, 1 some trials failed, 2 bad usage, 130 interrupted by Ctrl-C, 143 by SIGTERM.

    Raises:
        Exit: always, with the exit status.
    """
    if log != "json" and not quiet:
        print(f"prunesweep run {sweep}", flush=True)  # the imports below take seconds on a slow disk
    from prunesweep.orchestrator.running.run import run_sweep

    output = console()
    reporter = _make_reporter(output, log, quiet=quiet, verbose=verbose, in_process=in_process)
    ran = run_sweep(sweep, store=store, address=address, in_process=in_process, overrides=set_ or (), reporter=reporter)
    if log == "json":
        _report_end(ran, reporter)
    else:
        _print_end(ran, output)
    if ran.interrupted_by is not None:
        raise typer.Exit(ENDED_BY_SIGNAL + ran.interrupted_by)
    raise typer.Exit(SOME_FAILED if ran.failures else SUCCESS)


def _make_reporter(output: Console, log: str, *, quiet: bool, verbose: bool, in_process: bool) -> "Reporter":
    """Return the reporter that the options ask for.

    In this process a live view would draw over a debugger's prompt, so that it must be asked for.

    Raises:
        UserError: the options contradict each other.
    """
    from prunesweep.orchestrator.display.reporting.choice import make_reporter
    from prunesweep.orchestrator.display.reporting.plain import NORMAL, QUIET, VERBOSE
    from prunesweep.sweeps.errors import UserError

    if quiet and verbose:
        raise UserError("--quiet and --verbose contradict each other; leave one out")
    verbosity = QUIET if quiet else VERBOSE if verbose else NORMAL
    in_lines = log == "auto" and (in_process or quiet)
    return make_reporter(output, "plain" if in_lines else log, verbosity)


def _report_end(ran: "SweepRun", reporter: "Reporter") -> None:
    """Report the outcome of a run as JSON."""
    from prunesweep.orchestrator.commands.run_summary import run_records
    from prunesweep.orchestrator.query.errors import SelectionError
    from prunesweep.orchestrator.selection.pareto import pareto_front

    front = None
    with suppress(SelectionError):
        front = pareto_front(ran.store, sweep=ran.plan.sweep.name)
    reporter.end_sweep(run_records(ran, front))


def _print_end(ran: "SweepRun", output: Console) -> None:
    """Print what a run did, the Pareto front of its sweep, what pruning did, and what to do next."""
    from prunesweep.orchestrator.commands.run_summary import describe_pruning, next_commands, work_lines
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.front import front_view
    from prunesweep.orchestrator.query.errors import SelectionError
    from prunesweep.orchestrator.query.trials import trials_of
    from prunesweep.orchestrator.selection import select_front

    for line in work_lines(ran):
        print(line)
    print()
    trials = trials_of(ran.store, ran.plan.sweep.name)
    try:
        front = select_front(trials)
    except SelectionError as error:
        print(f"no Pareto front: {error}")
        return
    print_view(front_view(front), output)
    print()
    sentence = describe_pruning(trials)
    if sentence:
        output.print(sentence, highlight=False, soft_wrap=not output.is_terminal)
    print("next:")
    for command in next_commands(ran, front):
        print(f"  {command}")
