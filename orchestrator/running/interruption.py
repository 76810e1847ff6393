"""Interrupting a run from outside: Ctrl-C, preemption by a job scheduler, a terminal that is closed."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGTERM comes from Slurm, Kubernetes and `docker stop`, SIGHUP from a terminal that is closed.
_TERMINATION_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

# Job schedulers set one of these variables in a job's environment.
JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "SGE_TASK_ID")


class Interruption:
    """The state of a run that signals can interrupt.

    Attributes:
        signal: the termination signal that was received; None as long as there was none.
    """

    def __init__(self) -> None:
        """Start without a signal."""
        self.signal: signal.Signals | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Treat a termination signal like Ctrl-C; a second one ends the process at once.

        Args:
            number: the number of the signal.
            frame: the interrupted stack frame, which is not used.

        Raises:
            KeyboardInterrupt: this process ignores SIGINT (as if a script started it with ``&``), so that there is no
                handler of Ctrl-C to call.
        """
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = signal.Signals(number)
        if not callable(signal.getsignal(signal.SIGINT)):
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # calls the current handler: Ray Tune's while trials run, else Python's


class Interrupted(KeyboardInterrupt):
    """An interruption before any trial ran.

    Attributes:
        signal: the signal that was received.
    """

    def __init__(self, number: signal.Signals) -> None:
        """Take the signal that was received."""
        super().__init__(number.name)
        self.signal = number


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Treat SIGTERM and SIGHUP like Ctrl-C within the context, if this is the main thread.

    A signal that is ignored, such as SIGHUP under ``nohup``, stays ignored. The previous handlers are restored at the
    end.

    Raises:
        Interrupted: Ctrl-C or a signal interrupted the code within the context, and that code did not handle it.
    """
    interruption = Interruption()
    with restoring_handlers():
        if threading.current_thread() is threading.main_thread():
            for number in _TERMINATION_SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    signal.signal(number, interruption.handle)
        try:
            yield interruption
        except KeyboardInterrupt:
            raise Interrupted(interruption.signal or signal.SIGINT) from None


@contextmanager
def shielding_children() -> Iterator[None]:
    """Shield the processes started within the context from the termination signals of a job scheduler.

    Slurm and similar schedulers signal every process of a job. Ray shields its own processes from Ctrl-C only, and no
    trial can be finished without these processes. Shielded processes take some seconds longer to end, so they are
    shielded only in a scheduler's job.
    """
    if not any(name in os.environ for name in JOB_VARIABLES):
        yield
        return
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINATION_SIGNALS)  # child processes inherit the mask
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)


@contextmanager
def restoring_handlers() -> Iterator[None]:
    """Restore at the end of the context the signal handlers that were set at its beginning.

    Ray installs a SIGTERM handler of its own, which prints a native stack and ends the process.
    """
    numbers = (signal.SIGINT, *_TERMINATION_SIGNALS)
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if handler is not None:  # None: a handler that was not set from Python cannot be set again
                    signal.signal(number, handler)
