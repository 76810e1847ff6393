"""Times two things in turns, so that a machine whose speed drifts is fair to both; and the rows that come of it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One line of the table of benchmarks: a ratio, what it was taken of, and its goal if it has one.

    ``factor``: the ratio, or a figure in ``unit``; None where it was not measured, and then ``details`` says why.
    """

    name: str
    factor: float | None
    details: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"

    def line(self) -> str:
        """The row in fixed columns."""
        factor = "            " if self.factor is None else f"{self.factor:9.3f} {self.unit:<2}"
        return f"{self.name:<46} {factor}   {self._goal():<16} {self._verdict():<16} {self.details}"

    def _goal(self) -> str:
        if self.at_least is not None:
            return f"goal ≥ {self.at_least:g} {self.unit}"
        return f"goal ≤ {self.at_most:g} {self.unit}" if self.at_most is not None else ""

    def _verdict(self) -> str:
        if self.factor is None:
            return "not measured"
        short = max((self.at_least or 0.0) - self.factor, self.factor - (self.at_most or float("inf")))
        if self.at_least is None and self.at_most is None:
            return ""
        return "met" if short <= 0 else f"missed by {short:.3f}"


def faster(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    at_least: float | None = None,
    rounds: int = ROUNDS,
) -> Row:
    """How many times faster ``ours`` is: a row with the goal ``at_least``."""
    return times_faster(name, *seconds(ours, theirs, rounds=rounds), at_least=at_least)


def times_faster(name: str, ours: float, theirs: float, *, at_least: float | None = None) -> Row:
    """The same of seconds that were taken already, where several sides are timed in turns."""
    return Row(name, theirs / ours, f"ours {ours:.3f} s, theirs {theirs:.3f} s", at_least=at_least)


def longer(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    at_most: float | None = None,
    rounds: int = ROUNDS,
    sides: tuple[str, str] = ("ours", "theirs"),
) -> Row:
    """How many times as long ``ours`` takes: a row with the goal ``at_most``. ``sides``: what the row calls the two."""
    mine, other = seconds(ours, theirs, rounds=rounds)
    return Row(name, mine / other, f"{sides[0]} {mine:.3f} s, {sides[1]} {other:.3f} s", at_most=at_most)


def seconds(*sides: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The median seconds of each side. Each runs once to warm up, then in turns."""
    for side in sides:
        side()
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, of_side in zip(sides, times, strict=True):
            start = time.perf_counter()
            side()
            of_side.append(time.perf_counter() - start)
    return [median(of_side) for of_side in times]


def show(rows: Iterable[Row]) -> None:
    """Prints each row as soon as it is there."""
    for row in rows:
        print(row.line(), flush=True)
