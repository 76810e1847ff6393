"""The command line: the registry of commands, and the entry point."""

import signal
import sys
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
from prunesweep.orchestrator.display.standard_streams import fill_closed, make_forgiving

app = typer.Typer(
    name="prunesweep",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"prunesweep {prunesweep.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sweeps over ways to prune a convolutional network, and the choice among the results."""


# In the order of use. A module holds the command's function under the command's name, and an EXAMPLE.
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
    app.command(name, epilog=f"Example: {module.EXAMPLE}")(one_line_errors(command))


def main() -> None:
    """The entry point ``prunesweep``."""
    fill_closed()
    sys.stderr, _ = make_forgiving(sys.stderr, 2)
    sys.stdout, output = make_forgiving(sys.stdout, 1)
    status = _run_command()
    sys.stdout.flush()
    if output.lost is not None:
        print(f"prunesweep: standard output: {output.lost}; what was printed is incomplete", file=sys.stderr)
        # Of a sweep, what was stored counts.
        status = status if sys.argv[1:2] == ["run"] else status or BAD_USAGE
    sys.exit(status)


def _run_command() -> int:
    """The exit status of the command that the arguments name."""
    try:
        return app(standalone_mode=False) or SUCCESS
    except typer.Abort:  # Ctrl-C before a command has begun
        return ENDED_BY_SIGNAL + signal.SIGINT
    except Exception as error:
        # What the parser of arguments refuses: one line, like every other refusal. The rest are our bugs.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        print(f"prunesweep: {_sentence(message())} See --help." if sys.argv[1:] else message(), file=sys.stderr)
        return BAD_USAGE


def _sentence(message: str) -> str:
    """A message on one line, with a full stop."""
    text = " ".join(message.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
