"""The status of a run as a view: how far it is, what runs, what others wait for, and the front so far."""

import time
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from prunesweep.orchestrator.query.amounts import format_millions
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.orchestrator.query.durations import describe_errors, format_duration, format_time_left
from prunesweep.results_store.sweep_status import SweepStatus
from prunesweep.sweeps.words import counted

Section = Callable[[SweepStatus, int], list[RenderableType]]
"""A list of the view with its title: takes the status and the largest number of rows; empty if it has no rows."""


def render_status(status: SweepStatus, width: int, height: int) -> RenderableType:
    """Return a view of a run that fits a terminal.

    Args:
        status: the status of the run.
        width: the width of the terminal.
        height: the height of the terminal; lists are shortened to fit it.
    """
    if status["step"]:
        step = Table.grid(padding=(0, 1))
        waited = format_duration(max(0.0, time.time() - status["started_at"]))
        step.add_row(Spinner("line"), Text(f"{status['sweep'] or 'prunesweep'}: {status['step']} … {waited}"))
        return step
    rows = max(len(status["in_progress"]), len(status["blockers"]), len(status["front"]), 1)
    # First shorter lists; on a very small terminal also fewer of them, those that change most staying longest.
    choices = [*((shorter, _SECTIONS) for shorter in range(rows, 0, -1)), *((1, _SECTIONS[:count]) for count in (2, 1))]
    views = (_view(status, shorter, sections) for shorter, sections in choices)
    return next((view for view in views if _height(view, width) <= height - 2), _view(status, 0, ()))


def _height(view: RenderableType, width: int) -> int:
    """Return how many lines a view takes at a width."""
    console = Console(width=width, color_system=None)
    return len(console.render_lines(view, pad=False))


def _view(status: SweepStatus, rows: int, sections: Sequence[Section]) -> RenderableType:
    """Return the view with some of its lists, and with at most this number of rows in each."""
    parts: list[RenderableType] = [_bar(status), Text(_describe_counts(status)), Text(_describe_hours(status))]
    for section in sections:
        parts += section(status, rows)
    return Group(*parts)


def _bar(status: SweepStatus) -> RenderableType:
    bar = Table.grid(padding=(0, 2), expand=True)
    bar.add_column(no_wrap=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    ended = status["done"] + status["failed"]
    bar.add_row(
        Text(status["sweep"], style="bold"),
        ProgressBar(total=max(status["trials"], 1), completed=ended),
        Text(f"{ended:,} of {counted(status['trials'], 'trial')}, {describe_time_left(status)}"),
    )
    return bar


def describe_time_left(status: SweepStatus) -> str:
    """Return the time that is left in words, or that it is not known yet."""
    left = status["seconds_left"]
    return "time left not known yet" if left is None else format_time_left(left)


def _describe_counts(status: SweepStatus) -> str:
    stored = f" ({status['stored']:,} stored before)" if status["stored"] else ""
    return (
        f"{status['done']:,} done{stored}, {status['running']:,} running, {status['waiting']:,} waiting, "
        f"{status['failed']:,} failed"
    )


def _describe_hours(status: SweepStatus) -> str:
    """Return the hours used and saved, and how far estimates of past runs were off."""
    used = f"{_hours(status['used_seconds'])} {status['unit']}-hours used"
    saved = f", {_hours(status['saved_seconds'])} saved by sharing" if status["saved_seconds"] else ""
    errors = status["past_errors"]
    past = f"; past runs took {describe_errors(errors[0], errors[1])} against their estimates" if errors else ""
    return f"{used}{saved}{past}"


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.3f}" if hours < 0.1 else f"{hours:.2f}" if hours < 10 else f"{hours:,.0f}"


def _running(status: SweepStatus, rows: int) -> list[RenderableType]:
    now = time.time()
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for trial in status["in_progress"][:rows]:
        table.add_row(Text(trial["trial"]), Text(trial["phase"]), Text(format_duration(max(0.0, now - trial["since"]))))
    return _titled("running", table, status["in_progress"], rows)


def _waiting(status: SweepStatus, rows: int) -> list[RenderableType]:
    table = Table.grid(padding=(0, 2))
    for blocker in status["blockers"][:rows]:
        wait = "waits" if blocker["waiting"] == 1 else "wait"
        table.add_row(Text(f"{counted(blocker['waiting'], 'trial')} {wait} for {blocker['trial']}"))
    return _titled("waiting", table, status["blockers"], rows)


def _front(status: SweepStatus, rows: int) -> list[RenderableType]:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    table.add_row("", "", *(Text(name, style="dim") for name in ("generalization", "robustness", "flops")))
    for network in status["front"][:rows]:
        table.add_row(
            Text(network["key"][:KEY_DIGITS]),
            Text(network["network"]),
            f"{network['generalization']:.3f}",
            f"{network['robustness']:.3f}",
            format_millions(network["flops"]),
        )
    return _titled("front so far, on the selection half", table, status["front"], rows)


def _titled(title: str, table: Table, entries: Sequence[object], rows: int) -> list[RenderableType]:
    """Return a list with its title, and how many entries it lacks; nothing if there are none."""
    if not entries:
        return []
    hidden = len(entries) - rows
    more = [Text(f"and {hidden:,} more", style="dim")] if hidden > 0 else []
    return [Text(title, style="cyan"), table, *more]


_SECTIONS: tuple[Section, ...] = (_running, _waiting, _front)
