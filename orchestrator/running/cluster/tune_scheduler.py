"""Ray Tune's scheduler: leaves the choice among trials to Tune, and remembers why workers were lost."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler

UNKNOWN_REASON = "its worker was lost repeatedly"
_ERROR_LINE = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*")
_ATTEMPT = "Failure #"
_TRACEBACK_LINE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


class PassiveScheduler(FIFOScheduler):
    """A scheduler that lets Tune give a free worker to a trial for which no worker is being started.

    Tune's own scheduler prefers the oldest waiting trial, which is often one whose worker is still starting. That
    trial gets the free worker, the worker started for it is ended unused, and the next trial asks for another worker.
    If trials are shorter than the start of a worker, all of them run on one worker. Tune's scheduler also looks
    through all trials at each event.
    """

    def __init__(self) -> None:
        """Start without any lost workers."""
        super().__init__()
        self._trials_with_errors: dict[str, Any] = {}

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Return None, which Tune takes for no preference."""

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Remember a Tune trial whose worker was lost; Tune writes the errors of its attempts to a file."""
        self._trials_with_errors[trial.trial_id] = trial

    def reason_of_loss(self, trial_id: str) -> str:
        """Return why the worker of a Tune trial was lost, on one line."""
        trial = self._trials_with_errors.get(trial_id)
        file = trial.error_file if trial is not None else None
        with suppress(OSError):  # an unreadable file only costs the reason
            reason = parse_loss_reason(Path(file).read_text(encoding="utf-8", errors="replace")) if file else ""
            return f"{UNKNOWN_REASON}: {reason}" if reason else UNKNOWN_REASON
        return UNKNOWN_REASON


def parse_loss_reason(errors: str) -> str:
    """Return the reason for the loss of a worker from the text of Tune's error file.

    Args:
        errors: for each attempt, a line with its number followed either by a traceback that ends with the error, or
            by sentences about a process that ended, the first of which says the most. The last attempt counts.

    Returns:
        One line, with the file and line of the code that raised the error if they are known; empty if the text gives
        no reason.
    """
    _, _, last_attempt = errors.rpartition(_ATTEMPT)
    lines = [line.strip() for line in last_attempt.splitlines()[1:] if line.strip()]
    error_lines = [index for index, line in enumerate(lines) if _ERROR_LINE.fullmatch(line)]
    if not error_lines:
        return lines[0] if lines else ""
    matches = [match for line in lines[: error_lines[-1]] if (match := _TRACEBACK_LINE.match(line))]
    location = f" ({matches[-1]['file']}:{matches[-1]['line']})" if matches else ""
    return lines[error_lines[-1]] + location
