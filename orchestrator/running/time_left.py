"""The time until the last trial of a run ends, found by simulating what is left of its schedule."""

import heapq
import time
from collections.abc import Iterator
from itertools import count
from typing import Literal

from prunesweep.orchestrator.progress.phase_times import PhaseSeconds, PhaseTimes
from prunesweep.orchestrator.progress.sweep_progress import TrialProgress
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.trial import Trial

Moment = Literal["shared", "network", "done"]
"""What a trial reports to the schedule: its scores and snapshot are stored, its network is stored, it is done."""


def simulate_time_left(
    schedule: Schedule, in_progress: list[TrialProgress], phase_times: PhaseTimes, workers: int
) -> float | None:
    """Return the estimated seconds until all trials have ended, or None if some durations cannot be estimated.

    The schedule hands out its trials as in the run itself: children wait for the network of their parent, and siblings
    for the scores that one of them computes.

    Args:
        schedule: the schedule of the run; it is not changed.
        in_progress: the trials in progress.
        phase_times: the durations of phases, measured so far.
        workers: how many trials run at once, at least 1.
    """
    left = schedule.copy()
    numbers = count()
    upcoming: list[tuple[float, int, Moment, Trial]] = []
    now, free = 0.0, workers - len(in_progress)
    for progress in in_progress:
        seconds = phase_times.estimate(progress.trial)
        if seconds is None:
            return None
        for moment, at in _moments_left(progress, seconds, has_network=left.has_network(progress.trial.key)):
            heapq.heappush(upcoming, (at, next(numbers), moment, progress.trial))
    while True:
        while free > 0 and (trial := left.take()) is not None:
            free -= 1
            seconds = phase_times.estimate(trial)
            if seconds is None:
                return None
            for moment, at in _moments(seconds, has_network=left.has_network(trial.key)):
                heapq.heappush(upcoming, (now + at, next(numbers), moment, trial))
        if not upcoming:
            return now
        now, _, moment, trial = heapq.heappop(upcoming)
        if moment == "shared":
            left.mark_shared_stored(trial.key)
        elif moment == "network":
            left.mark_network_stored(trial.key)
        else:
            left.mark_done(trial.key)
            free += 1


def _moments(seconds: PhaseSeconds, *, has_network: bool) -> Iterator[tuple[Moment, float]]:
    """Yield the moments of a trial that starts now, in seconds from now."""
    network = 0.0 if has_network else seconds.before + seconds.training
    if not has_network:
        yield "shared", seconds.before
        yield "network", network
    yield "done", network + seconds.evaluating


def _moments_left(
    progress: TrialProgress, seconds: PhaseSeconds, *, has_network: bool
) -> Iterator[tuple[Moment, float]]:
    """Yield the moments that a trial in progress has not reached yet, in seconds from now; late ones are due now."""
    now = time.monotonic()
    if has_network:
        evaluating_since = progress.network_stored or progress.working or now
        yield "done", max(0.0, seconds.evaluating - (now - evaluating_since))
        return
    network = max(0.0, _seconds_to_network(progress, seconds, now))
    yield "shared", max(0.0, min(network, seconds.before - (now - (progress.working or now))))
    yield "network", network
    yield "done", network + seconds.evaluating


def _seconds_to_network(progress: TrialProgress, seconds: PhaseSeconds, now: float) -> float:
    """Return the estimated seconds until the network of a trial in progress is stored; negative if it is late."""
    planned = progress.trial.round
    if not progress.epoch or not planned.epochs:
        return seconds.before + seconds.training - (now - (progress.working or now))
    trained = (progress.epoch - (planned.rewind_epoch or 0)) / planned.epochs
    return (1 - trained) * seconds.training - (now - progress.epoch_time)
