"""Times two things in turns, so that a machine whose speed drifts is fair to both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """How many times longer ``theirs`` took than ``ours``: medians of seconds over interleaved rounds."""

    name: str
    ours: float
    theirs: float
    goal: float

    @property
    def factor(self) -> float:
        return self.theirs / self.ours

    def line(self) -> str:
        verdict = "met" if self.factor >= self.goal else f"missed by {self.goal - self.factor:.2f}"
        return (
            f"{self.name:<40} ours {self.ours:8.3f} s   theirs {self.theirs:8.3f} s   "
            f"{self.factor:6.2f} ×   goal {self.goal:g} ×: {verdict}"
        )


def compare(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], *, goal: float, rounds: int = 5
) -> Ratio:
    """Runs each once to warm up, then in turns."""
    ours(), theirs()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, times in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    return Ratio(name, median(seconds[0]), median(seconds[1]), goal)
