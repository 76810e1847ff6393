"""Parts that several commands share: options, the console, exit statuses, and errors as one line."""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

import typer
from rich.console import Console

from prunesweep.orchestrator.running.interruption import Interrupted
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.words import listed

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
    list[str] | None,
    typer.Option(metavar="CONDITION", help="Use only trials whose settings meet this condition; repeatable."),
]
SweepFilter = Annotated[str | None, typer.Option("--sweep", metavar="NAME", help="Use only the trials of this sweep.")]
Wide = Annotated[bool, typer.Option("--wide", help="Print every column, however long the lines get.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV with all data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with all data.")]
TableFormat = Annotated[
    str | None, typer.Option("--format", metavar="FORMAT", help="Print table, wide, csv, json, markdown or latex.")
]

CONDITION_GRAMMAR = (
    "CONDITION: COLUMN OPERATOR VALUE with >= <= > < == or !=, COLUMN in [VALUE, …] or COLUMN not in [VALUE, …]. Join "
    "several by and, or and parentheses; and binds tighter than or. A value is a word, a number such as 0.1, 8/255 or "
    "15M, or true or false; one with brackets, signs or such words in it is written in quotes. "
    "Examples: 'architecture in [resnet20, resnet56]', 'structure == filters and ratio <= 0.2'."
)


def takes_conditions(command: Callable[..., None]) -> bool:
    """Return whether an option or argument of a command is a condition, by the word for its value in the help."""
    metadata = [data for hint in get_type_hints(command, include_extras=True).values() for data in get_args(hint)[1:]]
    return any("CONDITION" in (getattr(data, "metavar", None) or "") for data in metadata)


def console() -> Console:
    """Return the console for standard output.

    If standard output is not a terminal and ``$COLUMNS`` is not set, the console is ``LOG_WIDTH`` columns wide, because
    tables need some width and a log is not wrapped.
    """
    terminal = Console()
    has_width = terminal.is_terminal or os.environ.get("COLUMNS", "").isdigit()
    return terminal if has_width else Console(width=LOG_WIDTH)


def table_format(wide: bool = False, as_csv: bool = False, as_json: bool = False, format: str | None = None) -> str:
    """Return the one format in which a command prints its table, ``table`` unless an option asks for another.

    Args:
        wide: whether ``--wide`` is given.
        as_csv: whether ``--csv`` is given.
        as_json: whether ``--json`` is given.
        format: the value of ``--format``; None if it is not given.

    Raises:
        UserError: the options ask for several formats, or for an unknown one.
    """
    from prunesweep.orchestrator.display.formats import TABLE_FORMATS

    if format is not None and format not in TABLE_FORMATS:
        raise UserError(f"--format: {unknown_name(format, 'a format of tables', TABLE_FORMATS)}")
    options = {"wide": wide, "csv": as_csv, "json": as_json}
    chosen = [name for name, is_set in options.items() if is_set] + ([format] if format is not None else [])
    if len(set(chosen)) > 1:
        raise UserError(f"choose one format of {listed(chosen)}")
    return chosen[0] if chosen else "table"


def split_names(text: str) -> list[str]:
    """Return the names in an option's value, which are separated by commas."""
    return [name for name in map(str.strip, text.split(",")) if name]


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
