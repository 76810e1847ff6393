"""Some of many things, always the same ones."""

import heapq
import zlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return ``most`` of the items, spread evenly and in their order, or all where there are no more."""
    count = min(len(items), most)
    return [items[place * len(items) // count] for place in range(count)]


def sampled(names: Iterable[str], most: int) -> list[str]:
    """Return ``most`` of the names, or all where there are no more; which ones does not hang on their order."""
    return heapq.nsmallest(most, names, key=lambda name: (zlib.crc32(name.encode(errors="surrogatepass")), name))
