"""Errors whose message is for the user: one line that says what is wrong, where, and what to do."""


class UserError(Exception):
    """Something the user can put right. The command line prints its one line and exits with status 2."""


class SweepError(UserError):
    """A mistake in a sweep file."""


class DataError(UserError):
    """A data set, or a weights file, that is missing or malformed."""
