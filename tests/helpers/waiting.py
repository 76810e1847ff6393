"""Waiting for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

HANGS = 300.0  # seconds, after which what is waited for is taken never to come
PAUSE = 0.05

Found = TypeVar("Found")


def wait_for(find: Callable[[], Found | None], seconds: float = HANGS) -> Found:
    """What ``find`` finds, as soon as it is neither None nor False. Raises: TimeoutError where that never is."""
    end = time.monotonic() + seconds
    while not (found := find()):
        if time.monotonic() > end:
            raise TimeoutError(f"{find} found nothing in {seconds} seconds")
        time.sleep(PAUSE)
    return found
