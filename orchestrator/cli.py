"""The command line: the registry of commands, and the entry point."""

import inspect
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated

import typer
from rich.markup import escape

import prunesweep
from prunesweep.orchestrator.commands import (
    compare,
    effects,
    elements,
    export,
    init,
    pareto,
    plan,
    query,
    reproduce,
    run,
    show,
    status,
    transfer,
    verify_robustness,
)
from prunesweep.orchestrator.commands.shared import (
    BAD_USAGE,
    CONDITION_GRAMMAR,
    ENDED_BY_SIGNAL,
    SUCCESS,
    one_line_errors,
    takes_conditions,
)
from prunesweep.orchestrator.display.standard_streams import fill_closed_descriptors, make_forgiving

app = typer.Typer(
    name="prunesweep",
    add_completion=True,
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


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run sweeps over ways to prune a convolutional network, and choose among the results."""
    if context.invoked_subcommand is None:
        print(map_of_commands())


def _help_text(command: Callable[..., None]) -> str:
    """Return a command's docstring without its Raises section, which is not for users of the command line."""
    return (inspect.getdoc(command) or "").partition("\n\nRaises:")[0]


def _epilog(command: Callable[..., None], example: str) -> str:
    """Return the end of a command's help: the grammar of conditions if it takes any, and an example."""
    grammar = f"{CONDITION_GRAMMAR}\n\n" if takes_conditions(command) else ""
    return escape(f"{grammar}Example: {example}")  # because brackets are marks of rich's


# In the order of use: for each command its module, which has a function with the command's name and an EXAMPLE, and
# what the command shows or does, in a few words.
COMMAND_GROUPS: dict[str, dict[str, tuple[ModuleType, str]]] = {
    "Run": {
        "init": (init, "a sweep file for your data"),
        "plan": (plan, "what a sweep would run, and how long it takes"),
        "run": (run, "run what is missing"),
        "status": (status, "how far the sweeps of a store are"),
    },
    "Choose": {
        "pareto": (pareto, "the Pareto-optimal networks"),
        "effects": (effects, "which value of an axis is best, on matched trials"),
        "compare": (compare, "gains with intervals and p-values"),
        "show": (show, "everything about one trial"),
        "query": (query, "SQL on the tables"),
    },
    "Check": {
        "verify-robustness": (verify_robustness, "is a gain in robustness real?"),
        "transfer": (transfer, "who is fooled by whose adversarial images?"),
        "elements": (elements, "what does each filter or layer do?"),
        "reproduce": (reproduce, "the paper's tables and figures"),
    },
    "Take home": {
        "export": (export, "a network as a folder"),
    },
}
COMMANDS = {name: module for group in COMMAND_GROUPS.values() for name, (module, _) in group.items()}
for group, commands in COMMAND_GROUPS.items():
    for name, (module, summary) in commands.items():
        command = getattr(module, name.replace("-", "_"))
        app.command(
            name,
            help=_help_text(command),
            short_help=summary,
            epilog=_epilog(command, module.EXAMPLE),
            rich_help_panel=group,
        )(one_line_errors(command))


def map_of_commands() -> str:
    """Return the commands in groups, each with what it shows or does, for ``prunesweep`` without arguments."""
    width = max(map(len, COMMANDS))
    lines = ["Prune convolutional networks in many ways, and choose among the results."]
    for group, commands in COMMAND_GROUPS.items():
        lines += ["", group]
        lines += [f"  {name:<{width}}  {summary}" for name, (_, summary) in commands.items()]
    return "\n".join(
        [
            *lines,
            "",
            "Begin with: prunesweep run quickstart; with your own images: prunesweep init",
            "More: prunesweep COMMAND --help",
        ]
    )


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
        print(f"prunesweep: {_sentence(message())} See --help.", file=sys.stderr)
        return BAD_USAGE


def _sentence(message: str) -> str:
    """Return a message on one line, with a full stop."""
    text = " ".join(message.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
