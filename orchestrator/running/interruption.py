"""Ends that are asked for from outside: Ctrl-C, a scheduler's preemption, a terminal that is closed."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Of Slurm, Kubernetes and `docker stop`; of a terminal that goes.
_LIKE_CTRL_C = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "SGE_TASK_ID")  # what schedulers set in a job's environment


class Interruption:
    """Whether an end was asked for.

    Attributes:
        signal: the signal that asked for it; None where none did.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.signal: signal.Signals | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal as Ctrl-C is taken; a second one ends the process at once."""
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = signal.Signals(number)
        if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as it is behind `&` in a script
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # whoever listens to it: Ray Tune while trials run, else Python


class Interrupted(KeyboardInterrupt):
    """An end was asked for before anything ran.

    Attributes:
        signal: what asked for it.
    """

    def __init__(self, number: signal.Signals) -> None:
        """Name the signal."""
        super().__init__(number.name)
        self.signal = number


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Take SIGTERM and SIGHUP as Ctrl-C within the context, if this is the main thread.

    One that is ignored, as SIGHUP under ``nohup``, stays so. What listened before listens again afterwards.

    Raises:
        Interrupted: an end was asked for where nothing took it.
    """
    interruption = Interruption()
    with keeping_handlers():
        if threading.current_thread() is threading.main_thread():
            for number in _LIKE_CTRL_C:
                if signal.getsignal(number) != signal.SIG_IGN:
                    signal.signal(number, interruption.handle)
        try:
            yield interruption
        except KeyboardInterrupt:
            raise Interrupted(interruption.signal or signal.SIGINT) from None


@contextmanager
def shielding_children() -> Iterator[None]:
    """Start processes within the context that the signals of a job's scheduler do not reach.

    Slurm and its like signal every process of a job. Ray shields its processes from Ctrl-C alone, and without them
    nothing can be finished. They take some seconds longer to end, and so are shielded where there is a scheduler.
    """
    if not any(name in os.environ for name in JOBS):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _LIKE_CTRL_C)  # a process inherits what its parent blocks
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Put back at the end what listens to signals now. Ray takes SIGTERM for itself and ends with a native stack."""
    numbers = (signal.SIGINT, *_LIKE_CTRL_C)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None:  # one that was not set by Python cannot be set again
                    signal.signal(number, handler)
