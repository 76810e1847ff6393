"""What Ray Tune calls a scheduler: it keeps out of the choice among trials, and remembers why workers were lost."""

import re
from typing import Any

from ray.tune.schedulers import FIFOScheduler

UNKNOWN_REASON = "its worker was lost repeatedly"
_ERROR_LINE = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*")


class NoFavourite(FIFOScheduler):
    """Leaves it to Tune to give a free worker to a trial that has none coming.

    Tune's own scheduler prefers the oldest trial that waits, and so one whose worker is being started: it gets the
    free worker, its own is ended before it was of use, and the next trial asks for another. Where trials are shorter
    than the start of a worker, all ran on one. It also looks through all trials at each event.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._failing: dict[str, Any] = {}

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Return None, which Tune takes for no preference."""

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Remember a trial whose worker was lost: Tune keeps the errors of its attempts."""
        self._failing[trial.trial_id] = trial

    def reason_of_loss(self, trial_id: str) -> str:
        """Return why the worker of a Tune trial was lost, on one line."""
        trial = self._failing.get(trial_id)
        errors = trial.get_error() if trial is not None else None
        reason = reason_in(errors or "")
        return f"{UNKNOWN_REASON}: {reason}" if reason else UNKNOWN_REASON


def reason_in(errors: str) -> str:
    """Return the reason that stands in what Ray tells of lost workers.

    Args:
        errors: one text or several below each other: a traceback whose last line is the error, or sentences on a
            process that ended, of which the first says the most.

    Returns:
        one line; empty where the text has none.
    """
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    raised = [line for line in lines if _ERROR_LINE.fullmatch(line)]
    told = [line for line in lines if not line.startswith("Failure #")]
    return raised[-1] if raised else told[0] if told else ""
