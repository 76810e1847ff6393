"""The command line: the registry of commands, and the entry point."""

import inspect
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated

import typer

import prunesweep
from prunesweep.orchestrator.commands import (
    compare,
    elements,
    export,
    pareto,
    plan,
    reproduce,
    run,
    status,
    transfer,
    verify_robustness,
)
from prunesweep.orchestrator.commands.shared import BAD_USAGE, ENDED_BY_SIGNAL, SUCCESS, one_line_errors
from prunesweep.orchestrator.display.standard_streams import fill_closed_descriptors, make_forgiving

app = typer.Typer(
    name="prunesweep",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_set: bool) -> None:
    """Print the version and exit, if the option ``--version`` is set.

    Raises:
        Exit: after printing, with exit status 0.
    """
    if is_set:
        print(f"prunesweep {prunesweep.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run sweeps over ways to prune a convolutional network, and choose among the results."""


def _help_text(command: Callable[..., None]) -> str:
    """Return a command's docstring without its Raises section, which is not for users of the command line."""
    return (inspect.getdoc(command) or "").partition("\n\nRaises:")[0]


# In the order of use. Each module has a function with the command's name, and an EXAMPLE.
COMMANDS: dict[str, ModuleType] = {
    "plan": plan,
    "run": run,
    "status": status,
    "pareto": pareto,
    "compare": compare,
    "transfer": transfer,
    "elements": elements,
    "verify-robustness": verify_robustness,
    "reproduce": reproduce,
    "export": export,
}
for name, module in COMMANDS.items():
    command = getattr(module, name.replace("-", "_"))
    app.command(name, help=_help_text(command), epilog=f"Example: {module.EXAMPLE}")(one_line_errors(command))


def main() -> None:
    """Run the command that the arguments name, and exit with its status; the entry point ``prunesweep``."""
    fill_closed_descriptors()
    sys.stderr, _ = make_forgiving(sys.stderr, 2)
    sys.stdout, output = make_forgiving(sys.stdout, 1)
    status = _run_command()
    sys.stdout.flush()
    if output.error_text is not None:
        print(f"prunesweep: standard output: {output.error_text}; what was printed is incomplete", file=sys.stderr)
        # The results of a sweep are in the store, whatever was printed.
        status = status if sys.argv[1:2] == ["run"] else status or BAD_USAGE
    sys.exit(status)


def _run_command() -> int:
    """Run the command that the arguments name and return its exit status.

    Errors of the user are printed, so an exception that this function raises is a bug.
    """
    try:
        return app(standalone_mode=False) or SUCCESS
    except typer.Abort:  # Ctrl-C before the command has begun
        return ENDED_BY_SIGNAL + signal.SIGINT
    except Exception as error:
        # What the argument parser refuses is one line, like every other error of a user. The rest are bugs.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        print(f"prunesweep: {_sentence(message())} See --help." if sys.argv[1:] else message(), file=sys.stderr)
        return BAD_USAGE


def _sentence(message: str) -> str:
    """Return a message on one line, with a full stop."""
    text = " ".join(message.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
