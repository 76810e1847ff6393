"""Standard output and error that never raise, even if the reader is closed, the disk full or the encoding poor."""

import errno
import io
import os
from typing import Any, TextIO


class ForgivingFile(io.FileIO):
    """An open file that drops what cannot be written to it.

    Attributes:
        fault: the first error in writing; None if there was none.
    """

    fault: OSError | None = None

    def write(self, content: Any) -> int:
        """Write a buffer and return how many of its bytes were written or dropped."""
        if self.fault is None:
            try:
                return super().write(content) or memoryview(content).nbytes  # None if writing would block
            except OSError as error:
                self.fault = error
        return memoryview(content).nbytes

    @property
    def error_text(self) -> str | None:
        """Return why some output could not be written, or None if all output was written.

        A reader that closes a pipe early, such as ``head``, has read enough: that also returns None.
        """
        return None if self.fault is None or self.fault.errno == errno.EPIPE else self.fault.strerror


def make_forgiving(stream: TextIO | None, number: int) -> tuple[TextIO, ForgivingFile]:
    """Return a replacement for a standard stream, and the file that the replacement writes to.

    Printing to the replacement never raises: characters that the encoding lacks are replaced, and what cannot be
    written is dropped.

    Args:
        stream: Python's standard stream; None if it was closed when the process started.
        number: the file descriptor of the stream.
    """
    file = ForgivingFile(number, "w", closefd=False)
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(file), "utf-8"), file
    errors = "replace" if stream.errors in (None, "strict", "surrogateescape") else stream.errors
    by_lines = bool(stream.line_buffering or getattr(stream, "write_through", False))  # python -u: write_through
    return io.TextIOWrapper(io.BufferedWriter(file), stream.encoding, errors, line_buffering=by_lines), file


def fill_closed_descriptors() -> None:
    """Open the null device on each closed standard descriptor, so that no later file gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
