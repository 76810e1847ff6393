"""Standard output and standard error that end no command, whoever reads them and in whatever encoding."""

import errno
import io
import os
from typing import Any, TextIO


class ForgivingFile(io.FileIO):
    """An open file that drops what cannot be written to it.

    Attributes:
        fault: the first error in writing; None where there was none.
    """

    fault: OSError | None = None

    def write(self, content: Any) -> int:
        """Return how many bytes of a buffer were written, or dropped."""
        if self.fault is None:
            try:
                return super().write(content) or memoryview(content).nbytes  # None where it would have to wait
            except OSError as error:
                self.fault = error
        return memoryview(content).nbytes

    @property
    def lost(self) -> str | None:
        """Why something is missing that someone wanted to read; a reader such as ``head`` goes when it has enough."""
        return None if self.fault is None or self.fault.errno == errno.EPIPE else self.fault.strerror


def make_forgiving(stream: TextIO | None, number: int) -> tuple[TextIO, ForgivingFile]:
    """Return what to print to in place of a standard stream, and the file that it is written to.

    Nothing that is printed raises then: signs that the encoding lacks are replaced, what cannot be written is dropped.

    Args:
        stream: what Python made of it; None where it was closed at the start.
        number: its file descriptor.
    """
    file = ForgivingFile(number, "w", closefd=False)
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(file), "utf-8"), file
    errors = "replace" if stream.errors in (None, "strict", "surrogateescape") else stream.errors
    by_lines = bool(stream.line_buffering or getattr(stream, "write_through", False))  # the latter of python -u
    return io.TextIOWrapper(io.BufferedWriter(file), stream.encoding, errors, line_buffering=by_lines), file


def fill_closed() -> None:
    """Open something in the place of closed standard streams, so that no file that is opened later is taken for one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
