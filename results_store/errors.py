"""Errors of the store, each one clear line."""

from prunesweep.sweeps.errors import UserError


class StoreError(UserError):
    """The store cannot be read or written, or holds something that it should not."""


class NotStored(StoreError):
    """There is no such thing in the store."""
