"""Parts that several commands share: options, the console, exit statuses, and errors as one line."""

import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer
from rich.console import Console

from prunesweep.orchestrator.running.interruption import Interrupted
from prunesweep.sweeps.errors import UserError

SUCCESS, SOME_FAILED, BAD_USAGE = 0, 1, 2
ENDED_BY_SIGNAL = 128  # plus the number of the signal, as in a shell
LOG_WIDTH = 210

SweepName = Annotated[
    str, typer.Argument(metavar="SWEEP", help="The name of a built-in sweep, or the path of a YAML file.")
]
StoreUrl = Annotated[str, typer.Option("--store", metavar="DIR", help="The store: a folder or an fsspec URL.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the sweep file; repeatable."),
]
Where = Annotated[
    list[str] | None, typer.Option(metavar="CONDITION", help="Use only trials whose settings meet this; repeatable.")
]
SweepFilter = Annotated[str | None, typer.Option("--sweep", metavar="NAME", help="Use only the trials of this sweep.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def console() -> Console:
    """Return the console for standard output.

    If standard output is not a terminal, the console is ``LOG_WIDTH`` columns wide, because tables need some width and
    a log is not wrapped.
    """
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=LOG_WIDTH)


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command so that a ``UserError`` is printed as one line on standard error, with exit status 2.

    If a signal ends the command, the exit status is 128 plus the number of the signal.
    """

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except UserError as error:
            print(f"prunesweep: {error}", file=sys.stderr)
            raise typer.Exit(BAD_USAGE) from None
        except KeyboardInterrupt as error:
            number = error.signal if isinstance(error, Interrupted) else signal.SIGINT
            raise typer.Exit(ENDED_BY_SIGNAL + number) from None

    return guarded
