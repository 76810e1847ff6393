"""A command in a pseudo-terminal, and what a user sees on its screen."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pyte

from tests.helpers.waiting import HANGS


class Terminal:
    """A terminal of some size in which ``prunesweep`` runs in a process of its own.

    Attributes:
        pid: the number of the process.
        written: everything that the process has written so far, with its control sequences.
    """

    def __init__(
        self,
        *arguments: object,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        line = [sys.executable, "-m", "prunesweep", *map(str, arguments)]
        variables = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        for name in ("COLUMNS", "LINES"):
            variables.pop(name, None)
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.chdir(folder or Path.cwd())
            os.execvpe(line[0], line, variables)
        self.written = b""
        self.status: int | None = None
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, of which the process is told."""
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without spaces at their ends."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The words of the screen with one space between them, however its lines are wrapped."""
        return " ".join(" ".join(self.lines).split())

    @property
    def screen(self) -> pyte.Screen:
        """The screen with the colours of its cells."""
        return self._screen

    def cpu_seconds(self) -> float:
        """How much processor time the process has used."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def read(self, seconds: float = 0.1) -> bool:
        """Read what the process writes within some time; whether it may write more."""
        if self.status is not None:
            return False
        if select.select([self._file], [], [], seconds)[0]:
            try:
                written = os.read(self._file, 65536)
            except OSError:  # Linux: the process has ended
                written = b""
            if not written:
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                os.close(self._file)
                return False
            self.written += written
            self._stream.feed(written)
        return True

    def wait_for(self, text: str, seconds: float = HANGS) -> None:
        """Read until the screen shows a text. Raises: TimeoutError where it never does."""
        end = time.monotonic() + seconds
        while text not in self.text:
            if not self.read() or time.monotonic() > end:
                raise TimeoutError(f"{text!r} is not on the screen:\n" + "\n".join(self.lines))

    def settle(self, seconds: float = 1.0) -> None:
        """Read for some time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.read():
            pass

    def wait(self) -> int:
        """Read until the process ends, and return its exit status."""
        end = time.monotonic() + HANGS
        while self.read(1.0):
            if time.monotonic() > end:
                raise TimeoutError("the command does not end:\n" + "\n".join(self.lines))
        assert self.status is not None
        return self.status
