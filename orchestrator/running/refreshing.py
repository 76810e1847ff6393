"""Refreshes the tables while a sweep runs."""

import time
from collections.abc import Callable
from contextlib import suppress

from prunesweep.results_store import StoreError

REFRESH_SECONDS = 10.0


def now_and_then(refresh: Callable[[], object]) -> Callable[[], None]:
    """Return what calls ``refresh`` at times, but spends no more than a few per cent of the time on it."""
    last, took = time.monotonic(), 0.0

    def refresh_if_due() -> None:
        nonlocal last, took
        if time.monotonic() - last < max(REFRESH_SECONDS, 20 * took):
            return
        start = time.monotonic()
        with suppress(StoreError):  # only a view: the next refresh, or the one at the end, catches up
            refresh()
        last = time.monotonic()
        took = last - start

    return refresh_if_due
