"""Limits how often something is computed again while a sweep runs."""

import time
from collections.abc import Callable
from contextlib import suppress

from prunesweep.results_store import StoreError

REFRESH_SECONDS = 10.0


def rate_limited(
    function: Callable[[], object], *, seconds: float = REFRESH_SECONDS, share: float = 0.05
) -> Callable[[], None]:
    """Return a function that calls ``function`` only if its last call is long enough ago.

    A store that cannot be read or written is ignored: what is computed is derived, and the next call catches up.

    Args:
        function: what to call.
        seconds: the least time between two calls.
        share: the largest share of the time that the calls may take.
    """
    last_call, call_seconds = time.monotonic(), 0.0

    def call_if_due() -> None:
        nonlocal last_call, call_seconds
        if time.monotonic() - last_call < max(seconds, call_seconds / share):
            return
        start = time.monotonic()
        with suppress(StoreError):
            function()
        last_call = time.monotonic()
        call_seconds = last_call - start

    return call_if_due
