"""Signs of life of a run: its status in the store, and a line in a log that would else be silent for hours."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.sweep_status import BROKEN, FINISHED, INTERRUPTED, save_status

SIGN_SECONDS = 5.0
STORE_SHARE = 0.05  # largest share of the time that writing the status may take, as on a slow bucket


@contextmanager
def showing_signs_of_life(store: Store, reporter: Reporter) -> Iterator[None]:
    """Refresh the stored status of a run within the context, from a thread of its own; at the end store how it ended.

    A store that cannot be written is ignored: the status only informs.

    Raises:
        KeyboardInterrupt: the code within the context was interrupted.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_refresh_until, args=(stop, store, reporter), name="signs of life", daemon=True)
    thread.start()
    state = BROKEN
    try:
        yield
        state = FINISHED if reporter.progress.ended >= reporter.progress.total else INTERRUPTED
    except KeyboardInterrupt:
        state = INTERRUPTED
        raise
    finally:
        stop.set()
        thread.join()
        reporter.progress.state = state
        with suppress(StoreError):
            save_status(store.objects, reporter.progress.status())


def _refresh_until(stop: threading.Event, store: Store, reporter: Reporter) -> None:
    """Refresh the stored status until ``stop`` is set; this is what the thread executes."""
    pause = 0.0
    while not stop.wait(pause):
        start = time.monotonic()
        with suppress(StoreError):
            save_status(store.objects, reporter.progress.status(max(pause, SIGN_SECONDS)))
        reporter.show_sign_of_life()
        pause = max(SIGN_SECONDS, (time.monotonic() - start) / STORE_SHARE)
