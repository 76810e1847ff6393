"""The command line, as a user calls it: in this process, and in one of its own."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from prunesweep.orchestrator.cli import app
from tests.helpers.waiting import HANGS


def command(*arguments: str) -> Result:
    """Runs ``prunesweep`` here; what is no ``typer.Exit`` and no refusal is raised."""
    ran = CliRunner().invoke(app, list(arguments))
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran


def refusal(*arguments: str) -> str:
    """The one line that a refused command prints."""
    ran = command(*arguments)
    assert ran.exit_code == 2, ran.output
    assert ran.stderr.count("\n") == 1, ran.stderr
    return ran.stderr


def process(*arguments: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs ``prunesweep`` in a process of its own, from ``folder`` or from here."""
    line = [sys.executable, "-m", "prunesweep", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=HANGS, check=False, cwd=folder)


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Starts ``prunesweep`` in a process of its own; its output can be read at its end."""
    line = [sys.executable, "-m", "prunesweep", *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
