"""Records the pictures of docs/pictures: ``make pictures`` runs a sweep and commands in a terminal of a given size."""

import re
import shutil
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.helpers.terminal import Terminal
from tests.helpers.waiting import HANGS

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SWEEP = "quickstart"
# Numbers of trials that have ended when the live view is recorded.
START, MIDDLE, END = 1, 12, 27


def save(terminal: Terminal, name: str, title: str) -> None:
    """Save the screen of a terminal as ``docs/pictures/NAME.svg``, without empty lines at its end."""
    columns, lines = terminal.screen.columns, len("\n".join(terminal.lines).rstrip().split("\n"))
    console = Console(width=columns, record=True, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    for row in range(lines):
        console.print(_styled(terminal, row), overflow="crop", no_wrap=True)
    svg = console.export_svg(title=title)
    # Pages are read without a network: the reader's own fixed-width font is used.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text("\n".join(line.rstrip() for line in svg.split("\n")), encoding="utf-8")
    print(f"{name}.svg")


def _styled(terminal: Terminal, row: int) -> Text:
    """A line of the screen with its colours."""
    cells = [terminal.screen.buffer[row][column] for column in range(terminal.screen.columns)]
    text = Text()
    for (foreground, bold), run in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
        text.append("".join(cell.data for cell in run), Style(color=_colour(foreground), bold=bold))
    text.rstrip()
    return text


def _colour(name: str) -> str | None:
    """Rich's name of one of pyte's colours; None for the colour of ordinary text."""
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return _COLOURS.get(name, name)


_COLOURS = {"default": None, "brown": "yellow"}  # pyte's names that rich lacks


def record_live_views(store: Path) -> None:
    """Record the live view of a run at its start, in its middle and at its end, at two widths of the terminal."""
    terminal = Terminal("run", SWEEP, "--store", store, columns=80, rows=30)
    title = f"prunesweep run {SWEEP}"
    for ended, moment in ((START, "start"), (MIDDLE, "middle"), (END, "end")):
        terminal.wait_for(f"{ended} of 32 trials", 10 * HANGS)
        for columns in (160, 80):
            terminal.resize(columns, 30)
            terminal.settle(2.0)
            save(terminal, f"live-{moment}-{columns}", title)
    terminal.wait()
    terminal.settle()
    save(terminal, "result", title)


def record_commands(store: Path) -> None:
    """Record what commands print about the store at 80 columns."""
    knee = _knee(store)
    commands: dict[str, tuple[object, ...]] = {
        "pareto": ("pareto",),
        "compare": ("compare", "--over", "control", "--figure", "robustness", "--sort", "mean", "--top", 8),
        "effects": ("effects", "--axis", "structure"),
        "show": ("show", knee),
        "status": ("status",),
    }
    for name, arguments in commands.items():
        terminal = Terminal(*arguments, columns=80, rows=90, folder=store.parent)
        terminal.wait()
        save(terminal, name, f"prunesweep {' '.join(map(str, arguments))}")


def _knee(store: Path) -> str:
    from prunesweep import pareto_front

    front = pareto_front(str(store))
    return str(front.table["trial_keys"].iloc[front.knee][0])[:10]


def main(record: "tuple[Callable[[Path], None], ...]" = (record_live_views, record_commands)) -> None:
    """Record every picture; it takes as long as the quickstart."""
    folder = Path(tempfile.mkdtemp())
    try:
        for part in record:
            part(folder / "store")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
