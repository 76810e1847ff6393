"""Timing of functions in turns, so that drifts of the machine's speed affect all of them, and rows of results."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One row of the table of benchmarks: a ratio with its details and, for some rows, its goal.

    Attributes:
        name: what was measured, beginning with the name of the benchmark.
        factor: the ratio, or another number in ``unit``; None if it was not measured.
        details: the measurements behind the ratio, or why it was not measured.
        at_least: the goal, for a factor that should be large.
        at_most: the goal, for a factor that should be small.
        unit: the unit of the factor and the goal.
    """

    name: str
    factor: float | None
    details: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"

    def line(self) -> str:
        """Return the row as one line in fixed columns."""
        factor = "            " if self.factor is None else f"{self.factor:9.3f} {self.unit:<2}"
        return f"{self.name:<46} {factor}   {self._goal():<16} {self._verdict():<16} {self.details}"

    def _goal(self) -> str:
        if self.at_least is not None:
            return f"goal ≥ {self.at_least:g} {self.unit}"
        return f"goal ≤ {self.at_most:g} {self.unit}" if self.at_most is not None else ""

    def _verdict(self) -> str:
        if self.factor is None:
            return "not measured"
        shortfall = max((self.at_least or 0.0) - self.factor, self.factor - (self.at_most or float("inf")))
        if self.at_least is None and self.at_most is None:
            return ""
        return "met" if shortfall <= 0 else f"missed by {shortfall:.3f}"


def measure_speedup(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    at_least: float | None = None,
    rounds: int = ROUNDS,
) -> Row:
    """Return a row on how many times faster ``ours`` is than ``theirs``.

    Args:
        name: the name of the row.
        ours: runs our side once.
        theirs: runs the side to compare with once.
        at_least: the goal of the speedup, if it has one.
        rounds: how often each side is timed.
    """
    return speedup_row(name, *median_seconds(ours, theirs, rounds=rounds), at_least=at_least)


def speedup_row(name: str, ours: float, theirs: float, *, at_least: float | None = None) -> Row:
    """Return a row on a speedup from measured times.

    Args:
        name: the name of the row.
        ours: the seconds of our side.
        theirs: the seconds of the side to compare with.
        at_least: the goal of the speedup, if it has one.
    """
    return Row(name, theirs / ours, f"ours {ours:.3f} s, theirs {theirs:.3f} s", at_least=at_least)


def measure_time_ratio(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    at_most: float | None = None,
    rounds: int = ROUNDS,
    sides: tuple[str, str] = ("ours", "theirs"),
) -> Row:
    """Return a row on how many times as long ``ours`` takes as ``theirs``.

    Args:
        name: the name of the row.
        ours: runs our side once.
        theirs: runs the side to compare with once.
        at_most: the goal of the ratio, if it has one.
        rounds: how often each side is timed.
        sides: the names of both sides in the details.
    """
    our_seconds, their_seconds = median_seconds(ours, theirs, rounds=rounds)
    details = f"{sides[0]} {our_seconds:.3f} s, {sides[1]} {their_seconds:.3f} s"
    return Row(name, our_seconds / their_seconds, details, at_most=at_most)


def median_seconds(*sides: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return the median seconds of each side; after one warm-up run each, the sides are timed in turns."""
    for side in sides:
        side()
    all_times: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, side_times in zip(sides, all_times, strict=True):
            start = time.perf_counter()
            side()
            side_times.append(time.perf_counter() - start)
    return [median(side_times) for side_times in all_times]


def print_rows(rows: Iterable[Row]) -> None:
    """Print each row as soon as it is measured."""
    for row in rows:
        print(row.line(), flush=True)
