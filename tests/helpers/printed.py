"""What a run prints in plain lines, without the time at their beginning."""

import re

_STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  (.*)")
STEPS = ("comparing the sweep", "reading the images", "checking what", "preparing this", "starting ", "refreshing the")


def stamped_lines(text: str) -> list[str]:
    """The lines that begin with a time, without it."""
    return [found[1] for line in text.splitlines() if (found := _STAMPED.fullmatch(line))]


def reported_lines(text: str) -> list[str]:
    """The lines about trials and data: those that begin with a time and name no step of the run."""
    return [line for line in stamped_lines(text) if not line.startswith(STEPS)]
