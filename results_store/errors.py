"""Errors of the store; each message is one line."""

from prunesweep.sweeps.errors import UserError


class StoreError(UserError):
    """A store that cannot be read or written, or whose content is invalid."""


class NotStored(StoreError):
    """An object that the store does not contain."""
