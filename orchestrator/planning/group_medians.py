"""Medians of measured values by group, where a group without values falls back to a wider one."""

from collections import defaultdict
from collections.abc import Iterator
from statistics import median

Group = tuple[str, ...]
"""Settings that a group of trials has in common, the most important first."""


class GroupMedians:
    """The medians of values by group.

    A group is all trials with the same values of some settings. The first settings alone make a wide group, further
    settings a narrower one; each value counts in its group and in all wider ones.
    """

    def __init__(self, shortest: int) -> None:
        """Start without values.

        Args:
            shortest: the number of settings of the widest group.
        """
        self._shortest = shortest
        self._values: defaultdict[Group, list[float]] = defaultdict(list)
        self._medians: dict[Group, float] = {}

    def add(self, group: Group, value: float) -> None:
        """Add a value to a group and to all wider groups."""
        for wider in self._prefixes(group):
            self._values[wider].append(value)
            self._medians.pop(wider, None)

    def find(self, group: Group) -> float | None:
        """Return the median of the narrowest group around these settings that has values, or None if none has."""
        for wider in self._prefixes(group):
            if wider in self._values:
                if wider not in self._medians:
                    self._medians[wider] = median(self._values[wider])
                return self._medians[wider]
        return None

    def has(self, group: Group) -> bool:
        """Return whether there are values of exactly this group."""
        return group in self._values

    def _prefixes(self, group: Group) -> Iterator[Group]:
        """Return a group and then ever wider groups: its prefixes."""
        return (group[:length] for length in range(len(group), self._shortest - 1, -1))
