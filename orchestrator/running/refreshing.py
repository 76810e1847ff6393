"""Refreshing the store's tables while a sweep runs."""

import time
from collections.abc import Callable
from contextlib import suppress

from prunesweep.results_store import StoreError

REFRESH_SECONDS = 10.0


def rate_limited(refresh: Callable[[], object]) -> Callable[[], None]:
    """Return a function that calls ``refresh`` only if the last call is long enough ago.

    At least ``REFRESH_SECONDS`` must have passed since the last call, and at least 20 times the duration of that call,
    so that refreshing takes at most about 5 % of the time.
    """
    last_refresh, refresh_seconds = time.monotonic(), 0.0

    def refresh_if_due() -> None:
        nonlocal last_refresh, refresh_seconds
        if time.monotonic() - last_refresh < max(REFRESH_SECONDS, 20 * refresh_seconds):
            return
        start = time.monotonic()
        with suppress(StoreError):  # tables are derived: the next refresh, or the one at the end, catches up
            refresh()
        last_refresh = time.monotonic()
        refresh_seconds = last_refresh - start

    return refresh_if_due
