"""Errors of pruning."""


class NothingToRemove(ValueError):
    """A pruning step that would remove no structure."""
