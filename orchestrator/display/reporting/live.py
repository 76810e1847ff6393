"""Reporting a run on a terminal: a live view below the lines of what has ended."""

import threading
from collections import deque
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live
from rich.text import Text

from prunesweep.orchestrator.display.reporting.plain import NORMAL, PlainReporter
from prunesweep.orchestrator.display.status import render_status
from prunesweep.orchestrator.progress.sweep_progress import SweepProgress

FRAME_SECONDS = 0.25
KEPT_LINES = 200  # printed again after the terminal has changed its size


class LiveReporter(PlainReporter):
    """Draws how far the sweep is, what runs, what waits and the front so far."""

    def __init__(self, console: Console, verbosity: int = NORMAL, progress: SweepProgress | None = None) -> None:
        """Start counting; ``showing`` starts drawing.

        Args:
            console: the terminal to draw on.
            verbosity: as for ``PlainReporter``.
            progress: as for ``Reporter``.
        """
        super().__init__(console, verbosity, progress, timed=False)
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._screen = _Screen(console, self._render, self._lines)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def _begin(self) -> None:
        self._screen.start()
        self._thread = threading.Thread(target=self._draw_frames, name="live view", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._stop.set()
        self._screen.stop()

    def _draw_frames(self) -> None:
        """Draw until the view ends; this is what the thread executes."""
        while not self._stop.wait(FRAME_SECONDS):
            self._display(self._draw_frame)

    def _draw_frame(self) -> None:
        if not self._stop.is_set():  # the view may have ended while this thread waited for the lock
            self._screen.draw()

    def _write(self, line: str) -> None:
        self._lines.append(line)
        self._console.print(Text(line))  # above the live view

    def _show_step(self, text: str) -> None:
        """Show the step in the live view alone, where it is replaced by the next one."""

    def _show_sign_of_life(self) -> None:
        """Show nothing, because the live view moves."""

    def _time_left(self) -> str:
        """Return nothing, because the live view shows the time that is left."""
        return ""

    def _render(self) -> RenderableType:
        return render_status(self.progress.status(), self._console.width, self._console.height)


class _Screen:
    """A live region of a terminal that is drawn anew when the terminal has changed its size."""

    def __init__(self, console: Console, render: Callable[[], RenderableType], lines: deque[str]) -> None:
        """Take what to draw.

        Args:
            console: the terminal.
            render: returns the live region.
            lines: what was printed above it.
        """
        self._console, self._render, self._lines = console, render, lines
        self._size = console.size
        self._live = self._new_live()

    def _new_live(self) -> Live:
        return Live(console=self._console, get_renderable=self._render, auto_refresh=False, transient=True)

    def start(self) -> None:
        """Draw for the first time."""
        self._size = self._console.size
        self._live.start(refresh=True)

    def stop(self) -> None:
        """Erase the live region."""
        self._live.stop()

    def draw(self) -> None:
        """Draw a frame."""
        if self._console.size == self._size:
            self._live.refresh()
            return
        # A terminal wraps or cuts old lines in its own way, so that nobody knows where the old frame is.
        self._live.stop()
        self._console.control(Control.clear(), Control.home())
        for line in list(self._lines)[-self._console.height :]:
            self._console.print(Text(line))
        self._live = self._new_live()
        self.start()
