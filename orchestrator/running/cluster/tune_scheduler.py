"""What Ray Tune calls a scheduler: it keeps out of the choice among trials, and remembers why workers were lost."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler

UNKNOWN_REASON = "its worker was lost repeatedly"
_ERROR_LINE = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*")
_ATTEMPT = "Failure #"
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


class PassiveScheduler(FIFOScheduler):
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
        file = trial.error_file if trial is not None else None
        with suppress(OSError):  # the reason is worth no error of its own
            reason = reason_in(Path(file).read_text(encoding="utf-8", errors="replace")) if file else ""
            return f"{UNKNOWN_REASON}: {reason}" if reason else UNKNOWN_REASON
        return UNKNOWN_REASON


def reason_in(errors: str) -> str:
    """Return the reason that stands in what Ray tells of lost workers.

    Args:
        errors: of each attempt a line with its number, and below it a traceback whose last line is the error, or
            sentences on a process that ended, of which the first says the most. The last attempt counts.

    Returns:
        one line, with the place in the code where there is one; empty where the text has no reason.
    """
    _, _, last = errors.rpartition(_ATTEMPT)
    lines = [line.strip() for line in last.splitlines()[1:] if line.strip()]
    raised = [number for number, line in enumerate(lines) if _ERROR_LINE.fullmatch(line)]
    if not raised:
        return lines[0] if lines else ""
    places = [place for line in lines[: raised[-1]] if (place := _PLACE.match(line))]
    where = f" ({places[-1]['file']}:{places[-1]['line']})" if places else ""
    return lines[raised[-1]] + where
