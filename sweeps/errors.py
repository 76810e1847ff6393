"""Errors with a message for the user: one line that says what is wrong, where, and what to do."""


class UserError(Exception):
    """An error that the user can correct.

    The command line prints its one-line message and exits with status 2.
    """


class SweepError(UserError):
    """A mistake in a sweep file."""


class DataError(UserError):
    """A data set or weights file that is missing or malformed."""
