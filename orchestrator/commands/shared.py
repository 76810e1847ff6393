"""What several commands share: options, the console, and errors as one line."""

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
ENDED_BY_SIGNAL = 128  # plus the signal's number, as shells have it
LOG_WIDTH = 210

SweepName = Annotated[str, typer.Argument(metavar="SWEEP", help="A built-in sweep's name, or the path of a YAML file.")]
StoreUrl = Annotated[str, typer.Option("--store", metavar="DIR", help="The store: a folder or an fsspec URL.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Sets a key of the sweep file; repeatable.")
]
Where = Annotated[list[str] | None, typer.Option(metavar="CONDITION", help="Which settings to compare; repeatable.")]
OfSweep = Annotated[str | None, typer.Option("--sweep", metavar="NAME", help="Only the trials of this sweep.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def console() -> Console:
    """Tables need some width; where there is no terminal, nobody wraps them."""
    made = Console()
    return made if made.is_terminal else Console(width=LOG_WIDTH)


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turns what the user can put right into one line on standard error and exit status 2.

    A command that a signal ends has that signal's status.
    """

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except UserError as error:
            print(f"prunesweep: {error}", file=sys.stderr)
            raise typer.Exit(BAD_USAGE) from None
        except KeyboardInterrupt as error:
            asked = error.signal if isinstance(error, Interrupted) else signal.SIGINT
            raise typer.Exit(ENDED_BY_SIGNAL + asked) from None

    return guarded
