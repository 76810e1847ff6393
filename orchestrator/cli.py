"""The command line. Every command is a few lines over a function that Python users call as well."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from orchestrator import DEFAULT_STORE
from sweeps.errors import UserError

if TYPE_CHECKING:
    from results_store import Store

SUCCESS, SOME_FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="prunesweep",
    help="Sweeps over ways to prune a convolutional network, and the choice among the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SweepName = Annotated[str, typer.Argument(metavar="SWEEP", help="A built-in sweep's name, or the path of a YAML file.")]
StoreUrl = Annotated[str, typer.Option("--store", metavar="DIR", help="The store: a folder or an fsspec URL.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Sets a key of the sweep file; repeatable.")
]
LOG_WIDTH = 160


def _console() -> Console:
    """Tables need some width; where there is no terminal, nobody wraps them."""
    console = Console()
    return console if console.is_terminal else Console(width=LOG_WIDTH)


def _one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turns what the user can put right into one line on standard error and exit status 2."""

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except UserError as error:
            print(f"prunesweep: {error}", file=sys.stderr)
            raise typer.Exit(BAD_USAGE) from None

    return guarded


@app.command(epilog="Example: prunesweep plan quickstart")
@_one_line_errors
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


@app.command(epilog="Example: prunesweep run quickstart --set seeds=[0,1] --set resources.workers=2")
@_one_line_errors
def run(
    sweep: SweepName,
    store: StoreUrl = DEFAULT_STORE,
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="A Ray cluster; without one, Ray is started here and ended at the end."),
    ] = None,
    set_: Overrides = None,
) -> None:
    """Run what a sweep still needs, then print the Pareto front.

    Exit status: 0 all done, 1 some trials failed, 2 bad usage.
    """
    from orchestrator.reporter import in_words
    from orchestrator.run import run_sweep

    console = _console()
    ran = run_sweep(sweep, store=store, address=address, overrides=set_ or (), console=console)
    done = len(ran.plan.to_run) - len(ran.failures) - ran.unfinished
    print(f"{done} trials run, {len(ran.plan.done)} were stored already, {len(ran.failures)} failed")
    print(f"made: {in_words(ran.made)}")
    for key, error in ran.failures.items():
        print(f"failed: {key} {ran.plan.tree.trials[key].label()}: {error}")
    if ran.unfinished:
        print(f"interrupted with {ran.unfinished} trials to go; run the same command again to go on")
    _print_front_of(ran.plan.sweep.name, ran.store, console)
    print(f"results: pandas.read_parquet({ran.store.objects.path('trials')!r})")
    raise typer.Exit(SOME_FAILED if ran.failures or ran.unfinished else SUCCESS)


def _print_front_of(sweep: str, store: "Store", console: Console) -> None:
    """The front of one sweep's trials, where there is one."""
    from orchestrator.front import pareto_front
    from orchestrator.selection import SelectionError
    from orchestrator.tables import front_table

    try:
        console.print(front_table(pareto_front(store, sweep=sweep)))
    except SelectionError as error:
        print(f"no Pareto front: {error}")


@app.command(epilog="Example: prunesweep status --store store")
@_one_line_errors
def status(store: StoreUrl = DEFAULT_STORE) -> None:
    """Show how far the sweeps of a store are, and which trials failed."""
    from orchestrator.status import failures_of, sweep_states
    from orchestrator.tables import status_table
    from results_store import Store

    opened = Store(store)
    _console().print(status_table(sweep_states(opened)))
    for line in failures_of(opened):
        print(line)


@app.command(
    epilog="Example: prunesweep pareto --objectives generalization,robustness_fgsm,flops "
    "--constraint 'generalization_gain >= -1' --where 'structure != none'"
)
@_one_line_errors
def pareto(
    store: StoreUrl = DEFAULT_STORE,
    objectives: Annotated[
        str, typer.Option(metavar="NAMES", help="Figures to choose by, with commas between them.")
    ] = "generalization,robustness",
    constraint: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help="What a network must meet; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help="Which settings to compare; repeatable.")
    ] = None,
    sweep: Annotated[str | None, typer.Option(metavar="NAME", help="Only the trials of this sweep.")] = None,
    pick: Annotated[str | None, typer.Option(metavar="knee", help="Print one network of the front alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Choose the Pareto-optimal networks on the selection half; report them on the report half."""
    from orchestrator.front import pareto_front
    from orchestrator.selection import SelectionError
    from orchestrator.tables import front_records, front_table

    if pick not in (None, "knee"):
        raise SelectionError(f"--pick {pick}: allowed: knee")
    names = [name.strip() for name in objectives.split(",") if name.strip()]
    front = pareto_front(store, objectives=names, constraints=constraint or (), where=where or (), sweep=sweep)
    if as_json:
        print(json.dumps(front_records(front, only_knee=pick is not None), indent=1))
    else:
        _console().print(front_table(front, only_knee=pick is not None))


@app.command(epilog="Example: prunesweep export 3f2a91c0de --to my_network")
@_one_line_errors
def export(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's key, or the beginning of it.")],
    to: Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")],
    store: StoreUrl = DEFAULT_STORE,
    format: Annotated[
        str, typer.Option(metavar="FORMAT", help="safetensors, torch_export (.pt2) or onnx.")
    ] = "safetensors",
) -> None:
    """Write a network to a folder that workers.load_network reads."""
    from orchestrator.export import export_network
    from results_store import Store

    folder = export_network(Store(store), trial, to, format=format)
    print(f"{folder}: from workers import load_network; network = load_network({str(folder)!r})")


def main() -> None:
    """The entry point ``prunesweep``."""
    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except Exception as error:
        # What the parser of arguments refuses: one line, like every other refusal. The rest are our bugs.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        print(f"prunesweep: {message()} See --help." if sys.argv[1:] else message(), file=sys.stderr)
        sys.exit(BAD_USAGE)
    sys.exit(status or SUCCESS)
