"""Durations in words."""


def format_duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours, such as "40 s", "12 min" or "3.2 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def format_time_left(seconds: float) -> str:
    """Return an estimated time that is left, in words, such as "about 3 min left"."""
    return "almost done" if seconds < 1 else f"about {format_duration(max(seconds, 10))} left"


def describe_errors(smallest: float, largest: float) -> str:
    """Return the errors of estimates in words, such as "-12% to +8%", or one of them if they are equal."""
    low, high = f"{smallest:+.0%}", f"{largest:+.0%}"
    return low if low == high else f"{low} to {high}"
