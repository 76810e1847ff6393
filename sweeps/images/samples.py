"""Deterministic samples, which consist of the same items in every run."""

import heapq
import zlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def sample_evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most ``most`` of the items, spread evenly over the sequence and in its order."""
    count = min(len(items), most)
    return [items[index * len(items) // count] for index in range(count)]


def sample_names(names: Iterable[str], most: int) -> list[str]:
    """Return at most ``most`` of the names: those with the smallest CRC-32, whatever order the names come in."""
    return heapq.nsmallest(most, names, key=lambda name: (zlib.crc32(name.encode(errors="surrogatepass")), name))
