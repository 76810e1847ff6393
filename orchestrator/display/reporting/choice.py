"""The choice of a reporter for a console."""

from rich.console import Console

from prunesweep.orchestrator.display.reporting.json_log import JsonReporter
from prunesweep.orchestrator.display.reporting.live import LiveReporter
from prunesweep.orchestrator.display.reporting.plain import NORMAL, PlainReporter
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import unknown_name

LOG_FORMATS = ("auto", "live", "plain", "json")
"""How a run is reported; ``auto`` is the live view on a terminal that can move its cursor, and else plain lines."""


def make_reporter(console: Console, log: str = "auto", verbosity: int = NORMAL) -> Reporter:
    """Return a reporter for a console.

    Args:
        console: the console on which to report.
        log: one of ``LOG_FORMATS``.
        verbosity: ``QUIET``, ``NORMAL`` or ``VERBOSE`` of ``reporting.plain``; JSON lines have every event.

    Raises:
        UserError: ``log`` is not one of ``LOG_FORMATS``.
    """
    if log not in LOG_FORMATS:
        raise UserError(f"--log: {unknown_name(log, 'a log format', LOG_FORMATS)}")
    if log == "json":
        return JsonReporter(console)
    can_draw = console.is_terminal and not console.is_dumb_terminal
    if log == "live" or (log == "auto" and can_draw):
        return LiveReporter(console, verbosity)
    return PlainReporter(console, verbosity)
